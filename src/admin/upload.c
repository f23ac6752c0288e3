/* upload.c — forms with a file. The page's script sends large ones in parts beforehand (api/uploads.c, static/jangbu.js); then the form has the upload's name instead of the bytes. */
// SPDX-License-Identifier: Apache-2.0
#include "admin_private.h"

bool jb__upload_form(struct jb_request *req, struct jb_spool **ret_spool)
{
    return jb_spool_room(req->scope, req->http->body_bytes) && jb_form_parts(req, jb__take_file, ret_spool);
}

bool jb__upload_file(struct jb_request *req, struct jb_spool **spool)
{
    struct jb_str token = jb_form_text(req, "upload");

    if (*spool)
        return true;
    if (token.size > 0)
        return (*spool = jb_upload_spool(req->scope, token)) != NULL;
    return jb_fail(req->scope, JB_INVALID, "%s", JB_L(req->scope, "파일이 없습니다. 올릴 파일을 고르세요.", "There is no file. Choose one to upload."));
}

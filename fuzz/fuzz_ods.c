/* fuzz_ods.c — any bytes as an OpenDocument spreadsheet: refused with a reason, or read to cells in order, each of which every kind of field takes or refuses.
 *
 * Bytes that begin with PK are the file itself. Others are content.xml. */
// SPDX-License-Identifier: Apache-2.0
#include "fuzz_sheet.h"

static void pack(struct jb_scope *scope, int fd, struct jb_str content)
{
    struct jb__zip_writer *zip = jb__zip_writer_new(to_fd, &fd, false);
    JB_CHECK(jb__zip_store(zip, scope, "mimetype", JB_STR("application/vnd.oasis.opendocument.spreadsheet")));
    put_part(zip, scope, "content.xml", content);
    JB_CHECK(jb__zip_finish(zip, scope));
    jb__zip_writer_free(zip);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jb_scope *scope = jb_scope_new("fuzz");
    struct jb_str bytes = { size ? (const char *)data : "", size };
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    JB_CHECK(fd >= 0);
    if (jb_str_starts(bytes, JB_STR("PK")))
        JB_CHECK(write(fd, bytes.data, bytes.size) == (ssize_t)bytes.size);
    else
        pack(scope, fd, bytes);
    read_all(scope, fd, "f.ods");
    close(fd);
    jb_scope_end(scope);
    return 0;
}

/* check.c — the model's check for whoever writes single rows (forms): what decides stays as it is until the commit. Imports have their own way (stage.h). */
// SPDX-License-Identifier: Apache-2.0
#include "store/store_private.h"

bool jb_check_prepare(struct jb_scope *scope, const struct jb_model *model, void **ret_state)
{
    const struct jb_db *db = jb_db_of(scope);
    void *state = NULL;

    JB_CHECK(jb_in_transaction(scope)); /* otherwise what was read may change before the row is written */
    if (model->check && model->check_prepare && !(db->driver->check_prepare ? db->driver->check_prepare(scope, model, &state) : model->check_prepare(scope, &state)))
        return false;
    *ret_state = state;
    return true;
}

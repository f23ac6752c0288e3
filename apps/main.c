/* main.c — the site: which apps live in it. `jangbu serve`, `jangbu worker`, `jangbu migrate`… */
// SPDX-License-Identifier: Apache-2.0
#include <jangbu.h>
#include "cash/cash.h"
#include "shop/shop.h"

static const struct jb_site site = {
    .name = "장부",
    .name_en = "Jangbu",
    .apps = JB_APPS(&cash, &shop),
};

int main(int argc, char **argv)
{
    return jb_main(argc, argv, &site);
}

/* password.c — argon2id, on an offload thread because it takes a tenth of a second and 64 MiB on purpose. */
// SPDX-License-Identifier: Apache-2.0
#include "web/auth.h"
#include <sodium.h>
#include <string.h>

struct work {
    struct jb_str password;
    char hash[crypto_pwhash_STRBYTES];
    bool ok;
};

static void hash_run(void *arg)
{
    struct work *work = arg;

    work->ok = crypto_pwhash_str(work->hash, work->password.data, work->password.size, crypto_pwhash_OPSLIMIT_INTERACTIVE, crypto_pwhash_MEMLIMIT_INTERACTIVE) == 0;
}

static void verify_run(void *arg)
{
    struct work *work = arg;

    work->ok = crypto_pwhash_str_verify(work->hash, work->password.data, work->password.size) == 0;
}

bool jb_password_hash(struct jb_scope *scope, struct jb_str password, struct jb_str *ret_hash)
{
    struct work work = { .password = password };

    JB_CHECK(sodium_init() >= 0);
    if (!jb_utf8_valid(password) || jb_utf8_count(password) < JB_PASSWORD_LENGTH_MIN || password.size > JB_PASSWORD_BYTES_MAX)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "비밀번호는 %d자 이상 %d바이트 이하로 적으세요.", "A password has at least %d characters and at most %d bytes."), JB_PASSWORD_LENGTH_MIN, JB_PASSWORD_BYTES_MAX);
    jb_offload(hash_run, &work);
    if (!work.ok)
        return jb_fail(scope, JB_UNAVAILABLE, JB_L(scope, "비밀번호를 만들 메모리(64 MiB)가 없습니다. 잠시 뒤에 다시 해 보세요.", "There is no memory (64 MiB) to hash the password. Try again shortly."));
    *ret_hash = jb_copy(scope, jb_str_of(work.hash));
    return true;
}

bool jb_password_verify(struct jb_scope *scope, struct jb_str password, struct jb_str hash)
{
    struct work work = { .password = password.data ? password : JB_STR("") };

    (void)scope;
    JB_CHECK(sodium_init() >= 0);
    if (password.size > JB_PASSWORD_BYTES_MAX || hash.size >= sizeof work.hash || !jb_str_starts(hash, JB_STR(crypto_pwhash_STRPREFIX)))
        return false;
    memcpy(work.hash, hash.data, hash.size);
    jb_offload(verify_run, &work);
    return work.ok;
}

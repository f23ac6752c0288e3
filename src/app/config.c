/* config.c — where settings come from, and in which order.
 *
 * Lowest first: the table's defaults, those of the named environment, jangbu.conf, .env, the environment, the command line. Each source overwrites what an earlier one said. Production besides
 * refuses DEBUG and does not start without SECRET_KEY and ALLOWED_HOSTS. */
// SPDX-License-Identifier: Apache-2.0
#include "app/settings.h"
#include "base/log.h"
#include "base/random.h"
#include "store/store.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONFIG_BYTES_MAX 65536

extern char **environ;

/* ---- lines of .env and jangbu.conf ------------------------------------------------------------------------------------ */

/* `NAME = value`; quotes around the value are taken off, a # after a blank starts a comment. */
static bool split_line(struct jb_str line, struct jb_str *ret_name, struct jb_str *ret_value)
{
    struct jb_str value = line, name = jb_str_trim(jb_str_cut(&value, '='));

    if (jb_str_starts(name, JB_STR("export ")))
        name = jb_str_trim(jb_str_slice(name, 7, name.size));
    if (!value.data || name.size == 0)
        return false;
    value = jb_str_trim(value);
    if (value.size >= 2 && (value.data[0] == '"' || value.data[0] == '\'')) {
        size_t end = jb_str_find_char(value, value.data[0], 1);
        if (end == SIZE_MAX)
            return false;
        value = jb_str_slice(value, 1, end);
    } else {
        size_t comment = jb_str_find(value, JB_STR(" #"), 0);
        value = jb_str_trim(jb_str_slice(value, 0, comment));
    }
    *ret_name = name;
    *ret_value = value;
    return true;
}

static bool fail_unknown(struct jb_scope *scope, struct jb_str name, struct jb_str place)
{
    struct jb_str names[256];
    size_t count = 0;
    for (const struct jb_setting *setting = jb__settings; setting->name && count < JB_COUNT(names); setting++)
        names[count++] = jb_str_of(setting->name);

    struct jb_str nearest = jb_nearest(name, names, count);
    if (!nearest.data)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "%.*s: ‘%.*s’이라는 설정은 없습니다. 지우세요.", "%.*s: there is no setting '%.*s'. Remove it."), JB_FMT(place), JB_FMT(name));
    return jb_fail(scope, JB_INVALID, JB_L(scope, "%.*s: ‘%.*s’이라는 설정은 없습니다. ‘%.*s’이 맞습니까?", "%.*s: there is no setting '%.*s'. Did you mean '%.*s'?"), JB_FMT(place), JB_FMT(name), JB_FMT(nearest));
}

/* Unknown names are an error in jangbu.conf (`strict`) and somebody else's in .env. */
static bool read_lines(struct jb_scope *scope, struct jb_str text, struct jb_str file, bool strict, struct jb_config *config)
{
    struct jb_str rest = text;
    for (int number = 1; rest.data; number++) {
        struct jb_str line = jb_str_trim_unicode(jb_str_cut(&rest, '\n')), name, value;
        if (line.size == 0 || line.data[0] == '#')
            continue;
        struct jb_str place = jb_format(scope, "%.*s:%d", JB_FMT(file), number);
        if (!split_line(line, &name, &value)) {
            if (!strict)
                continue;
            return jb_fail(scope, JB_INVALID, JB_L(scope, "%.*s: ‘이름 = 값’이 아닌 줄입니다.", "%.*s: this line is not NAME = value."), JB_FMT(place));
        }
        const struct jb_setting *setting = jb__setting_find(name);
        if (!setting && strict)
            return fail_unknown(scope, name, place);
        if (setting && !jb__setting_put(scope, setting, name, jb_copy(scope, value), place, config))
            return false;
    }
    return true;
}

static bool read_environment(struct jb_scope *scope, const char *const *environment, struct jb_config *config)
{
    for (; environment && *environment; environment++) {
        struct jb_str value = jb_str_of(*environment), name = jb_str_cut(&value, '=');
        const struct jb_setting *setting = value.data ? jb__setting_find(name) : NULL;
        /* LANGUAGE also belongs to gettext ("en_US:en"): a value that is not ours is not meant for us. */
        if (setting && jb_str_is(name, "LANGUAGE") && !jb_str_is(value, "ko") && !jb_str_is(value, "en"))
            continue;
        if (setting && !jb__setting_put(scope, setting, name, jb_copy(scope, value), JB_L(scope, JB_STR("환경 변수"), JB_STR("environment")), config))
            return false;
    }
    return true;
}

static bool read_given(struct jb_scope *scope, const struct jb_config_given *given, struct jb_config *config)
{
    const struct {
        const char *name, *option;
        struct jb_str text;
    } options[] = {
        { "DATABASE_URL", "--database", given->database_url },
        { "CACHE_URL", "--cache", given->cache_url },
        { "BROKER_URL", "--broker", given->broker_url },
        { "LOG_LEVEL", "--log-level", given->log_level },
    };
    for (size_t i = 0; i < JB_COUNT(options); i++) {
        struct jb_str name = jb_str_of(options[i].name);
        if (options[i].text.data && !jb__setting_put(scope, jb__setting_find(name), name, options[i].text, jb_str_of(options[i].option), config))
            return false;
    }
    return true;
}

/* ---- environments (E5) --------------------------------------------------------------------------------------------------- */

/* Where an environment differs from the table; docs/settings.md shows the same. "": none, must be given. */
static const struct {
    enum jb_environment environment;
    const char *name, *text;
} environment_defaults[] = {
    { JB_ENV_DEVELOPMENT, "DEBUG", "true" },
    { JB_ENV_DEVELOPMENT, "LOG_LEVEL", "debug" },
    { JB_ENV_PRODUCTION, "ALLOWED_HOSTS", "" },
    { JB_ENV_PRODUCTION, "LOG_FORMAT", "json" },
    { JB_ENV_PRODUCTION, "SESSION_COOKIE_SECURE", "true" },
};

/* Monitoring is production with its own name: what it may see of it comes with the metrics. */
static bool in_production(const struct jb_config *config)
{
    return config->environment == JB_ENV_PRODUCTION || config->environment == JB_ENV_MONITORING;
}

static void put_default(struct jb_scope *scope, const char *name, const char *text, struct jb_config *config)
{
    JB_CHECK(jb__setting_put(scope, jb__setting_find(jb_str_of(name)), jb_str_of(name), jb_str_of(text), JB_STR("default"), config));
}

static void put_defaults(struct jb_scope *scope, struct jb_config *config)
{
    enum jb_environment environment = in_production(config) ? JB_ENV_PRODUCTION : config->environment;

    for (const struct jb_setting *setting = jb__settings; setting->name; setting++)
        if (setting->default_text)
            put_default(scope, setting->name, setting->default_text, config);
    for (size_t i = 0; i < JB_COUNT(environment_defaults); i++)
        if (environment_defaults[i].environment == environment)
            put_default(scope, environment_defaults[i].name, environment_defaults[i].text, config);
}

static bool read_sources(struct jb_scope *scope, const struct jb_config_source *source, const struct jb_config_given *given, struct jb_config *config)
{
    if (source->conf_file.data && !read_lines(scope, source->conf_file, source->conf_name, true, config))
        return false;
    if (source->env_file.data && !read_lines(scope, source->env_file, JB_STR(".env"), false, config))
        return false;
    return read_environment(scope, source->environment, config) && read_given(scope, given, config);
}

bool jb_config_from(struct jb_scope *scope, const struct jb_config_source *source, const struct jb_config_given *given, struct jb_config *ret_config)
{
    struct jb_config named = { 0 }, config = { 0 };

    /* Any source may name the environment whose defaults stand below all sources: once for the name, once for the rest. */
    if (!read_sources(scope, source, given, &named))
        return false;
    config.environment = named.environment;
    put_defaults(scope, &config);
    if (!read_sources(scope, source, given, &config))
        return false;
    if (in_production(&config) && config.debug)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "설정 DEBUG=true는 production에서 쓸 수 없습니다. DEBUG를 빼세요.", "setting DEBUG=true is not allowed in production. Remove DEBUG."));
    if (!jb__config_database(scope, &config))
        return false;
    *ret_config = config;
    return true;
}

/* ---- files ------------------------------------------------------------------------------------------------------------------ */

/* NULL text when there is no such file; `must`: then it fails. */
static bool read_file(struct jb_scope *scope, const char *path, bool must, struct jb_str *ret_text)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        if (!must && errno == ENOENT)
            return true;
        return jb_fail_errno(scope, errno, JB_L(scope, "설정 파일 %s을(를) 열지 못했습니다", "cannot open the settings file %s"), path);
    }
    char *text = jb_alloc(scope, CONFIG_BYTES_MAX + 1);
    size_t size = fread(text, 1, CONFIG_BYTES_MAX + 1, file);
    bool failed = ferror(file);
    fclose(file);
    if (failed || size > CONFIG_BYTES_MAX)
        return jb_fail(scope, JB_LIMIT, JB_L(scope, "설정 파일 %s이(가) 너무 큽니다 (64 KiB까지).", "the settings file %s is too large (at most 64 KiB)."), path);
    *ret_text = (struct jb_str){ text, size };
    return true;
}

bool jb_config_read(struct jb_scope *scope, const struct jb_config_given *given, struct jb_config *ret_config)
{
    struct jb_config_source source = { .environment = (const char *const *)environ, .conf_name = JB_STR("jangbu.conf") };
    bool named = given->config_file.data != NULL;

    if (named)
        source.conf_name = given->config_file;
    return read_file(scope, jb_cstr(scope, source.conf_name), named, &source.conf_file) &&
           read_file(scope, ".env", false, &source.env_file) &&
           jb_config_from(scope, &source, given, ret_config);
}

/* ---- the secret key ------------------------------------------------------------------------------------------------------------ */

/* sqlite:///jangbu.db → jangbu.secret beside it. */
static const char *secret_path(struct jb_scope *scope, struct jb_str url)
{
    struct jb_str path = jb_str_starts(url, JB_STR("sqlite:///")) ? jb_str_slice(url, 10, url.size) : JB_STR("jangbu.db");
    if (jb_str_ends(path, JB_STR(".db")))
        path = jb_str_slice(path, 0, path.size - 3);
    return jb_cstr(scope, jb_format(scope, "%.*s.secret", JB_FMT(path)));
}

/* Two processes may start together: each writes a file of its own and links it; the one that comes second reads the first's. */
static bool make_secret(struct jb_scope *scope, const char *path)
{
    char key[51], *temporary = jb_alloc(scope, strlen(path) + 16);
    snprintf(temporary, strlen(path) + 16, "%s.%d", path, (int)getpid());
    jb_random_token(key, 50);

    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return jb_fail_errno(scope, errno, JB_L(scope, "비밀 키 파일 %s을(를) 만들지 못했습니다", "cannot make the secret key file %s"), temporary);
    bool written = write(fd, key, 50) == 50 && fsync(fd) == 0;
    int error = errno;
    close(fd);
    if (written && link(temporary, path) != 0 && errno != EEXIST) {
        written = false;
        error = errno;
    }
    unlink(temporary);
    if (!written)
        return jb_fail_errno(scope, error, JB_L(scope, "비밀 키 파일 %s에 쓰지 못했습니다", "cannot write the secret key file %s"), path);
    return true;
}

bool jb_config_secret(struct jb_scope *scope, struct jb_config *config)
{
    if (config->secret_key.data)
        return config->secret_key.size >= 16 ||
               jb_fail(scope, JB_INVALID, JB_L(scope, "설정 SECRET_KEY가 너무 짧습니다. 16자 이상으로 하세요.", "setting SECRET_KEY is too short. Use 16 characters or more."));
    if (in_production(config))
        return jb_fail(scope, JB_INVALID, JB_L(scope, "설정 SECRET_KEY가 없습니다. production에서는 꼭 있어야 합니다.", "setting SECRET_KEY is missing. Production does not start without it."));

    const char *path = secret_path(scope, config->database_url);
    if (access(path, F_OK) != 0 && !make_secret(scope, path))
        return false;
    if (!read_file(scope, path, true, &config->secret_key))
        return false;
    return config->secret_key.size >= 16 || jb_fail(scope, JB_INVALID, JB_L(scope, "%s이(가) 비어 있습니다. 지우고 다시 시작하세요.", "%s is empty. Delete it and start again."), path);
}

bool jb_config_public(struct jb_scope *scope, struct jb_config *config)
{
    if (!jb_config_secret(scope, config))
        return false;
    if (!in_production(config) || config->allowed_hosts.data)
        return true;
    return jb_fail(scope, JB_INVALID,
        JB_L(scope, "설정 ALLOWED_HOSTS가 없습니다. production에서는 사람들이 주소창에 적는 이름을 적으세요. 보기: ALLOWED_HOSTS=books.example.com.",
            "setting ALLOWED_HOSTS is missing. Production wants the names that people type into the address bar, like ALLOWED_HOSTS=books.example.com."));
}

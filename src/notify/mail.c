/* mail.c — sending by SMTP with libcurl, on an offload thread; without a host the mail is a line of the log. */
// SPDX-License-Identifier: Apache-2.0
#include "notify/notify_private.h"
#include "base/log.h"
#include "base/random.h"
#include "run/run.h"
#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_S 20
#define ADDRESSES_MAX 50

static char *keep(struct jb_str text)
{
    return text.data && text.size > 0 ? strndup(text.data, text.size) : NULL;
}

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* What stands between quotes: "\\" before a character means the character (RFC 5322, 3.2.4). */
static struct jb_str unquote(struct jb_scope *scope, struct jb_str quoted)
{
    char *text = jb_alloc(scope, quoted.size + 1);
    size_t size = 0;

    for (size_t i = 0; i < quoted.size; i++) {
        if (quoted.data[i] == '\\' && i + 1 < quoted.size)
            i++;
        text[size++] = quoted.data[i];
    }
    return (struct jb_str){ text, size };
}

/* `name@example.com`, `Name <name@example.com>` or `"Name" <name@example.com>`, as deployments of others write it. */
static struct jb_str address_of(struct jb_scope *scope, struct jb_str from, struct jb_str *ret_name)
{
    from = jb_str_trim(from);
    size_t open = jb_str_find_char(from, '<', 0);

    if (open == SIZE_MAX || !jb_str_ends(from, JB_STR(">")))
        return from;
    struct jb_str name = jb_str_trim(jb_str_slice(from, 0, open));
    if (name.size >= 2 && jb_str_starts(name, JB_STR("\"")) && jb_str_ends(name, JB_STR("\"")))
        name = unquote(scope, jb_str_slice(name, 1, name.size - 1));
    *ret_name = name;
    return jb_str_trim(jb_str_slice(from, open + 1, from.size - 1));
}

struct jb_notify *jb_notify_new(struct jb_scope *scope, const struct jb_mail_options *mail)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct jb_str name = JB_STR_NULL, from = address_of(scope, mail->from, &name);

    if (mail->host.size > 0 && from.size > 0 && !jb_mail_address_valid(from)) {
        jb_fail(scope, JB_INVALID, JB_L(scope, "DEFAULT_FROM_EMAIL ‘%.*s’은(는) 메일 주소가 아닙니다.", "DEFAULT_FROM_EMAIL \"%.*s\" is no mail address."), JB_FMT(mail->from));
        return NULL;
    }
    if (mail->use_tls && mail->use_ssl) {
        jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "EMAIL_USE_TLS와 EMAIL_USE_SSL 가운데 하나만 켜세요.", "Set one of EMAIL_USE_TLS and EMAIL_USE_SSL, not both."));
        return NULL;
    }
    pthread_once(&once, init_curl);
    struct jb_notify *notify = calloc(1, sizeof *notify);
    JB_CHECK(notify);
    notify->host = keep(mail->host);
    notify->user = keep(mail->user);
    notify->password = keep(mail->password);
    notify->from = keep(from.size > 0 ? from : JB_STR("jangbu@localhost"));
    notify->from_name = keep(name);
    notify->ca = keep(mail->ca);
    notify->use_tls = mail->use_tls;
    notify->use_ssl = mail->use_ssl;
    notify->port = mail->port ? mail->port : mail->use_ssl ? 465
                                         : mail->use_tls   ? 587
                                                           : 25;
    notify->timeout_s = mail->timeout_s ? mail->timeout_s : TIMEOUT_S;
    return notify;
}

void jb_notify_free(struct jb_notify *notify)
{
    if (!notify)
        return;
    free(notify->host);
    free(notify->user);
    free(notify->password);
    free(notify->ca);
    free(notify->from);
    free(notify->from_name);
    free(notify);
}

void jb_notify_use(struct jb_scope *scope, struct jb_notify *notify)
{
    jb_service_set(scope, JB_SERVICE_NOTIFY, notify);
}

/* ---- one transmission, on an offload thread ---------------------------------------------------------------------------------- */

struct sending {
    const struct jb_notify *notify;
    const char *url;
    struct curl_slist *to;
    struct jb_str message;
    size_t sent;
    int64_t timeout_ms;
    CURLcode code;
    long status;
};

static size_t read_message(char *out, size_t size, size_t count, void *arg)
{
    struct sending *sending = arg;
    size_t part = JB_MIN(size * count, sending->message.size - sending->sent);

    memcpy(out, sending->message.data + sending->sent, part);
    sending->sent += part;
    return part;
}

static void send_blocking(void *arg)
{
    struct sending *sending = arg;
    const struct jb_notify *notify = sending->notify;
    CURL *curl = curl_easy_init();

    if (!curl) {
        sending->code = CURLE_OUT_OF_MEMORY;
        return;
    }
    curl_easy_setopt(curl, CURLOPT_URL, sending->url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_USE_SSL, notify->use_tls ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_NONE);
    if (notify->ca)
        curl_easy_setopt(curl, CURLOPT_CAINFO, notify->ca);
    if (notify->user) {
        curl_easy_setopt(curl, CURLOPT_USERNAME, notify->user);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, notify->password ? notify->password : "");
    }
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, notify->from);
    curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, sending->to);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_message);
    curl_easy_setopt(curl, CURLOPT_READDATA, sending);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)sending->timeout_ms);
    sending->code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &sending->status);
    curl_easy_cleanup(curl);
}

/* What a setting would mend may work the next time: only what the server says about this mail is final. */
static bool fail_send(struct jb_scope *scope, const struct jb_notify *notify, const struct sending *sending)
{
    const char *host = notify->host;
    int port = notify->port;

    switch (sending->code) {
    case CURLE_LOGIN_DENIED:
        return jb_fail(scope, JB_UNAVAILABLE, JB_L(scope, "메일 서버 %s:%d에 로그인하지 못했습니다. EMAIL_HOST_USER와 EMAIL_HOST_PASSWORD를 확인하세요.", "The mail server %s:%d does not let us sign in. Check EMAIL_HOST_USER and EMAIL_HOST_PASSWORD."), host, port);
    case CURLE_USE_SSL_FAILED:
        return jb_fail(scope, JB_UNAVAILABLE, JB_L(scope, "메일 서버 %s:%d에 STARTTLS가 없습니다. 465번 포트면 EMAIL_USE_SSL을 켜세요.", "The mail server %s:%d offers no STARTTLS. If its port is 465, set EMAIL_USE_SSL."), host, port);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return jb_fail(scope, JB_UNAVAILABLE, JB_L(scope, "메일 서버 %s:%d의 인증서를 믿을 수 없습니다. 이름이 맞는지 보고, 사내 인증 기관이면 EMAIL_CA_FILE에 적으세요.", "The certificate of the mail server %s:%d is not trusted. Check its name; name your own authority in EMAIL_CA_FILE."), host, port);
    default:
        break;
    }
    if (sending->status >= 500)
        return jb_fail(scope, JB_INVALID, JB_L(scope, "메일 서버 %s:%d이(가) 메일을 받지 않았습니다 (%ld). 주소와 계정 설정을 확인하세요.", "The mail server %s:%d refused the mail (%ld). Check the address and the account."), host, port, sending->status);
    return jb_fail(scope, JB_UNAVAILABLE, JB_L(scope, "메일 서버 %s:%d로 보내지 못했습니다 (%s). EMAIL_HOST와 EMAIL_PORT를 확인하세요.", "Cannot send through the mail server %s:%d (%s). Check EMAIL_HOST and EMAIL_PORT."), host, port,
        curl_easy_strerror(sending->code));
}

/* The addresses as a list for curl and as one head line. */
static bool addresses_read(struct jb_scope *scope, struct jb_str to, struct curl_slist **list, struct jb_str *line)
{
    size_t count = 0;

    *line = JB_STR("");
    for (struct jb_str rest = to; rest.data;) {
        struct jb_str address = jb_str_trim(jb_str_cut(&rest, ','));
        if (!jb_mail_address_valid(address))
            return jb_fail(scope, JB_INVALID, JB_L(scope, "‘%.*s’은(는) 메일 주소가 아닙니다. name@example.com처럼 적으세요.", "\"%.*s\" is no mail address. Write it like name@example.com."), JB_FMT(address));
        if (++count > ADDRESSES_MAX)
            return jb_fail(scope, JB_LIMIT, JB_L(scope, "받는 사람이 %d명을 넘습니다.", "There are more than %d recipients."), ADDRESSES_MAX);
        struct curl_slist *longer = curl_slist_append(*list, jb_format(scope, "<%.*s>", JB_FMT(address)).data);
        JB_CHECK(longer);
        *list = longer;
        *line = jb_format(scope, "%.*s%s%.*s", JB_FMT(*line), count > 1 ? ",\r\n " : "", JB_FMT(address));
    }
    return count > 0 || jb_fail(scope, JB_INVALID, JB_L(scope, "받는 사람이 없습니다.", "There is no recipient."));
}

bool jb_mail_send_with(struct jb_scope *scope, const struct jb_mail *mail)
{
    const struct jb_notify *notify = jb_service(scope, JB_SERVICE_NOTIFY);
    struct sending sending = { .notify = notify, .timeout_ms = notify ? notify->timeout_s * 1000L : 0 };
    struct jb_str line;
    char id[27];

    if (!addresses_read(scope, mail->to, &sending.to, &line)) {
        curl_slist_free_all(sending.to);
        return false;
    }
    if (!notify || !notify->host) {
        curl_slist_free_all(sending.to);
        jb_log(JB_LOG_INFO, "mail", "to %.*s: %.*s\n%.*s", JB_FMT(mail->to), JB_FMT(mail->subject), JB_FMT(mail->text));
        return true;
    }
    int64_t left_ms = jb_deadline_us(scope) == JB_NEVER ? INT64_MAX : (jb_deadline_us(scope) - jb_monotonic_us()) / 1000;
    sending.timeout_ms = JB_MAX(1, JB_MIN(sending.timeout_ms, left_ms));
    jb_random_ulid(id);
    sending.message = jb__mail_message(scope, &(struct jb__message){
                                                  .from = jb_str_of(notify->from),
                                                  .from_name = jb_str_of(notify->from_name),
                                                  .to = line,
                                                  .subject = mail->subject,
                                                  .text = mail->text,
                                                  .date = jb_now(),
                                                  .id = mail->id.data ? mail->id : jb_str_of(id),
                                              });
    sending.url = jb_format(scope, "%s://%s:%d", notify->use_ssl ? "smtps" : "smtp", notify->host, notify->port).data;
    jb_offload(send_blocking, &sending);
    curl_slist_free_all(sending.to);
    return sending.code == CURLE_OK || fail_send(scope, notify, &sending);
}

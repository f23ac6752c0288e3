/* host.c — whom to believe: host names, proxies, languages, addresses to go to next. */
// SPDX-License-Identifier: Apache-2.0
#include "web/web_private.h"
#include <arpa/inet.h>
#include <string.h>

/* ---- hosts ----------------------------------------------------------------------------------------------------------------------- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool digits_only(struct jb_str text)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.size > 0;
}

/* Cuts the port off; false when this is no host at all. The name is letters, digits, dots and hyphens, or [IPv6]. */
static bool host_name(struct jb_str host, struct jb_str *ret_name)
{
    size_t end = 0;
    bool six = host.size > 0 && host.data[0] == '[';

    if (six) {
        end = jb_str_find_char(host, ']', 0);
        if (end == SIZE_MAX)
            return false;
        end++;
        struct jb_str inside = jb_str_slice(host, 1, end - 1);
        bool colon = false;
        for (size_t i = 0; i < inside.size; i++) {
            char c = lower(inside.data[i]);
            colon |= c == ':';
            if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == ':' || c == '.'))
                return false;
        }
        if (!colon)
            return false;
    } else {
        for (; end < host.size && host.data[end] != ':'; end++) {
            char c = lower(host.data[end]);
            if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '.' || c == '-'))
                return false;
        }
    }
    if (end == 0 || (end < host.size && (host.data[end] != ':' || !digits_only(jb_str_slice(host, end + 1, host.size)))))
        return false;
    struct jb_str name = jb_str_slice(host, 0, end);
    if (!six && jb_str_ends(name, JB_STR(".")))
        name.size--;
    *ret_name = name;
    return name.size > 0;
}

bool jb__host_allowed(struct jb_str host, struct jb_str allowed)
{
    struct jb_str name = host, rest = allowed;

    if (host.size > 0 && !host_name(host, &name))
        return false;
    while (rest.data) {
        struct jb_str pattern = jb_str_trim(jb_str_cut(&rest, ','));
        if (jb_str_is(pattern, "*")) /* also no host at all, which HTTP/1.0 allows */
            return true;
        if (name.size == 0)
            continue;
        if (pattern.size > 0 && jb_str_equal_nocase(pattern, name))
            return true;
        bool star = jb_str_starts(pattern, JB_STR("*."));
        if (!star && !jb_str_starts(pattern, JB_STR(".")))
            continue;
        struct jb_str domain = jb_str_slice(pattern, star ? 1 : 0, pattern.size); /* ".example.com" */
        if (!star && jb_str_equal_nocase(jb_str_slice(domain, 1, domain.size), name))
            return true;
        if (domain.size > 1 && name.size > domain.size && jb_str_equal_nocase(jb_str_slice(name, name.size - domain.size, name.size), domain))
            return true;
    }
    return false;
}

/* ---- where one may be sent after signing in ----------------------------------------------------------------------------------------- */

/* The scheme before a colon, "" when there is none; cut off from *rest. */
static struct jb_str cut_scheme(struct jb_str *rest)
{
    for (size_t i = 0; i < rest->size; i++) {
        char c = lower(rest->data[i]);
        if (c == ':' && i > 0) {
            struct jb_str scheme = jb_str_slice(*rest, 0, i);
            *rest = jb_str_slice(*rest, i + 1, rest->size);
            return scheme;
        }
        bool first = c >= 'a' && c <= 'z';
        if (!first && (i == 0 || !((c >= '0' && c <= '9') || strchr("+-.", c))))
            break;
    }
    return JB_STR("");
}

static bool one_url_safe(struct jb_str url, struct jb_str host, bool https_only)
{
    struct jb_str rest = url;

    if (jb_str_starts(url, JB_STR("///")) || url.size == 0 || (unsigned char)url.data[0] < 0x20 || url.data[0] == 0x7f)
        return false;
    for (size_t i = 0; i < url.size; i++) /* browsers drop these wherever they stand */
        if (strchr("\t\r\n", url.data[i]))
            return false;
    struct jb_str scheme = cut_scheme(&rest);
    bool has_host = jb_str_starts(rest, JB_STR("//"));
    if (!has_host)
        return scheme.size == 0;
    rest = jb_str_slice(rest, 2, rest.size);
    size_t end = 0;
    while (end < rest.size && !strchr("/?#", rest.data[end]))
        end++;
    if (scheme.size > 0 && !jb_str_equal_nocase(scheme, JB_STR("https")) && (https_only || !jb_str_equal_nocase(scheme, JB_STR("http"))))
        return false;
    if (scheme.size == 0 && https_only)
        return false;
    return end > 0 && jb_str_equal_nocase(jb_str_slice(rest, 0, end), host);
}

bool jb__url_safe(struct jb_scope *scope, struct jb_str url, struct jb_str host, bool https_only)
{
    struct jb_str trimmed = jb_str_trim(url);
    char *turned = jb_alloc(scope, trimmed.size + 1);

    for (size_t i = 0; i < trimmed.size; i++)
        turned[i] = trimmed.data[i] == '\\' ? '/' : trimmed.data[i];
    return one_url_safe(trimmed, host, https_only) && one_url_safe((struct jb_str){ turned, trimmed.size }, host, https_only);
}

struct jb_str jb_safe_next(struct jb_request *req, struct jb_str next)
{
    struct jb_str trimmed = jb_str_trim(next);

    if (!next.data || !jb_utf8_valid(trimmed) || !jb__url_safe(req->scope, trimmed, req->http->host, req->secure))
        return JB_STR_NULL;
    return trimmed;
}

/* ---- proxies ------------------------------------------------------------------------------------------------------------------------------ */

static bool address_of(struct jb_str text, unsigned char out[16])
{
    char z[INET6_ADDRSTRLEN + 1];

    if (text.size == 0 || text.size > INET6_ADDRSTRLEN)
        return false;
    memcpy(z, text.data, text.size);
    z[text.size] = 0;
    if (inet_pton(AF_INET6, z, out) == 1)
        return true;
    memcpy(out, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
    return inet_pton(AF_INET, z, out + 12) == 1;
}

bool jb__networks_parse(struct jb_scope *scope, struct jb_str list, struct jb__network **ret_networks, size_t *ret_count)
{
    struct jb__network *networks = JB_NEW_ARRAY(scope, struct jb__network, list.size / 2 + 1);
    struct jb_str rest = list;
    size_t count = 0;

    while (rest.size > 0) {
        struct jb_str one = jb_str_trim(jb_str_cut(&rest, ',')), bits = one, address = jb_str_cut(&bits, '/');
        struct jb__network *network = &networks[count];
        int64_t number;
        if (one.size == 0)
            continue;
        bool four = jb_str_find_char(address, ':', 0) == SIZE_MAX;
        number = four ? 32 : 128;
        if (!address_of(address, network->address) || (bits.data && (!digits_only(bits) || !jb_str_to_int64(bits, &number))) || number < 0 || number > (four ? 32 : 128))
            return jb_fail(scope, JB_INVALID, JB_L(scope, "설정 TRUSTED_PROXIES: ‘%.*s’은 주소 범위가 아닙니다. 보기: 10.0.0.0/8.", "setting TRUSTED_PROXIES: “%.*s” is no address range. Example: 10.0.0.0/8."), JB_FMT(one));
        network->bits = (int)number + (four ? 96 : 0);
        count++;
    }
    *ret_networks = networks;
    *ret_count = count;
    return true;
}

bool jb__network_has(const struct jb__network *networks, size_t count, struct jb_str address)
{
    unsigned char bytes[16];

    if (!address_of(address, bytes))
        return false;
    for (size_t i = 0; i < count; i++) {
        int whole = networks[i].bits / 8, left = networks[i].bits % 8;
        if (memcmp(bytes, networks[i].address, (size_t)whole) == 0 && (left == 0 || ((bytes[whole] ^ networks[i].address[whole]) >> (8 - left)) == 0))
            return true;
    }
    return false;
}

/* Looks through one X-Forwarded-For line from the right; false when all of it were trusted proxies, so that the line before it goes on. */
static bool client_in(const struct jb_web *web, struct jb_request *req, struct jb_str list)
{
    while (list.size > 0) {
        size_t comma = list.size;
        while (comma > 0 && list.data[comma - 1] != ',')
            comma--;
        struct jb_str address = jb_str_trim(jb_str_slice(list, comma, list.size));
        unsigned char bytes[16];
        if (!address_of(address, bytes))
            return true;
        req->client = address;
        if (!jb__network_has(web->proxies, web->proxy_count, address))
            return true;
        list = jb_str_slice(list, 0, comma > 0 ? comma - 1 : 0);
    }
    return false;
}

/* The nearest address that is no trusted proxy, from the right: what stands further left can be made up by the client. Some proxies add a line of their own below the client's. */
void jb__client_find(const struct jb_web *web, struct jb_request *req)
{
    bool found = false;

    req->client = req->http->peer;
    if (!jb__network_has(web->proxies, web->proxy_count, req->http->peer))
        return;
    for (size_t i = 0; i < req->http->header_count; i++)
        if (jb_str_equal_nocase(req->http->headers[i].name, JB_STR("X-Forwarded-Proto"))) /* the last line counts */
            req->secure = jb_str_equal_nocase(jb_str_trim(req->http->headers[i].value), JB_STR("https"));
    for (size_t i = req->http->header_count; i-- > 0 && !found;)
        if (jb_str_equal_nocase(req->http->headers[i].name, JB_STR("X-Forwarded-For")))
            found = client_in(web, req, req->http->headers[i].value);
}

/* ---- languages ------------------------------------------------------------------------------------------------------------------------------- */

/* q in thousandths: "en;q=0.8" gives 800. */
static int quality(struct jb_str part)
{
    size_t at = jb_str_find(part, JB_STR("q="), 0);
    int value = 0, digits = 0;

    if (at == SIZE_MAX)
        return 1000;
    for (at += 2; at < part.size && digits < 4; at++) {
        char c = part.data[at];
        if (c == '.')
            continue;
        if (c < '0' || c > '9')
            break;
        value = value * 10 + (c - '0');
        digits++;
    }
    for (; digits < 4; digits++)
        value *= 10;
    return value;
}

bool jb__language_accepted(struct jb_str header, enum jb_language *ret_language)
{
    struct jb_str rest = header;
    int best = 0;

    for (int count = 0; rest.data && count < 20; count++) {
        struct jb_str part = jb_str_trim(jb_str_cut(&rest, ',')), tag = jb_str_trim(jb_str_slice(part, 0, jb_str_find_char(part, ';', 0)));
        struct jb_str primary = jb_str_slice(tag, 0, jb_str_find_char(tag, '-', 0));
        bool ko = jb_str_equal_nocase(primary, JB_STR("ko"));
        int q = quality(part);
        if ((ko || jb_str_equal_nocase(primary, JB_STR("en"))) && q > best) {
            best = q;
            *ret_language = ko ? JB_KO : JB_EN;
        }
    }
    return best > 0;
}

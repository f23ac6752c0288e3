/* route.c — routes as a tree of path segments.
 *
 * A declared path is cut at its slashes; each segment is text or one {parameter}, the last may be {rest...}. Looking up walks the tree with the request's decoded segments, text before parameter
 * before rest, so "/admin/jobs/" wins over "/admin/{model}/". Routes of all methods of a path end at one place, from which 405 knows what to allow. */
// SPDX-License-Identifier: Apache-2.0
#include "web/web_private.h"
#include <string.h>

struct segments {
    struct jb_str at[JB_PATH_SEGMENTS_MAX];
    size_t count;
    bool slash;
};

/* ---- at start ------------------------------------------------------------------------------------------------------------------ */

static void map_done(void *arg)
{
    jb_map_done(arg);
}

static struct jb__place *place_new(struct jb_scope *scope)
{
    struct jb__place *place = JB_NEW(scope, struct jb__place);

    jb_map_init(&place->segments);
    jb_defer(scope, map_done, &place->segments);
    return place;
}

static bool bad_path(struct jb_scope *scope, const struct jb_route *route, const char *ko, const char *en)
{
    return jb_fail(scope, JB_INVALID, "%s %s: %s", route->name ? route->name : "", route->path, JB_L(scope, ko, en));
}

static bool place_down(struct jb_scope *scope, struct jb_scope *keep, struct jb__path *path, struct jb_str segment, bool last, struct jb__place **at)
{
    struct jb__place **next, *found;

    if (segment.size == 0)
        return bad_path(scope, path->route, "빈 조각이 있습니다.", "there is an empty segment.");
    if (segment.data[0] != '{') {
        found = jb_map_get(&(*at)->segments, segment);
        if (!found)
            jb_map_put(&(*at)->segments, segment, found = place_new(keep));
        *at = found;
        return true;
    }
    if (!jb_str_ends(segment, JB_STR("}")) || segment.size < 3 || path->count == JB_PATH_PARAMS_MAX)
        return bad_path(scope, path->route, "{이름} 꼴이 아니거나 여덟 개가 넘습니다.", "parameters are {name}, at most eight.");
    struct jb_str name = jb_str_slice(segment, 1, segment.size - 1);
    bool rest = jb_str_ends(name, JB_STR("..."));
    if (rest && !last)
        return bad_path(scope, path->route, "{rest...}는 맨 끝에만 씁니다.", "{rest...} may only stand last.");
    path->parameters[path->count++] = rest ? jb_str_slice(name, 0, name.size - 3) : name;
    next = rest ? &(*at)->rest : &(*at)->parameter;
    if (!*next)
        *next = place_new(keep);
    *at = *next;
    return true;
}

static bool route_add(struct jb_scope *scope, struct jb_web *web, const struct jb_route *route)
{
    struct jb__path *path = JB_NEW(web->scope, struct jb__path);
    struct jb__place *at = &web->root;
    struct jb_str rest = jb_str_of(route->path);

    path->route = route;
    if (rest.size == 0 || rest.data[0] != '/')
        return bad_path(scope, route, "길은 /로 시작해야 합니다.", "a path begins with /.");
    if (!route->view || route->method < JB_GET || route->method > JB_ANY_METHOD)
        return bad_path(scope, route, "뷰나 방법이 없습니다.", "the view or the method is missing.");
    path->slash = jb_str_ends(rest, JB_STR("/"));
    rest = jb_str_slice(rest, 1, rest.size - (path->slash && rest.size > 1));
    while (rest.size > 0) {
        struct jb_str segment = jb_str_cut(&rest, '/');
        if (!place_down(scope, web->scope, path, segment, !rest.data, &at))
            return false;
    }
    for (const struct jb__path *other = at->paths; other; other = other->next)
        if (other->route->method == route->method && other->slash == path->slash)
            return bad_path(scope, route, "같은 길이 두 번 있습니다.", "this path is declared twice.");
    path->next = at->paths;
    at->paths = path;
    if (route->name && jb_map_put(&web->paths, jb_str_of(route->name), path))
        return bad_path(scope, route, "같은 이름의 길이 두 번 있습니다.", "this route's name is used twice.");
    return true;
}

bool jb__routes_compile(struct jb_scope *scope, struct jb_web *web)
{
    jb_map_init(&web->root.segments);
    jb_defer(web->scope, map_done, &web->root.segments);
    jb_map_init(&web->paths);
    jb_defer(web->scope, map_done, &web->paths);
    for (size_t i = 0; web->options.routes && web->options.routes[i]; i++)
        for (const struct jb_route *route = web->options.routes[i]; route->path; route++)
            if (!route_add(scope, web, route))
                return false;
    return true;
}

/* ---- matching --------------------------------------------------------------------------------------------------------------------- */

static bool segments_of(struct jb_scope *scope, struct jb_str path, struct segments *ret_segments)
{
    struct jb_str rest = jb_str_slice(path, 1, path.size);

    ret_segments->slash = jb_str_ends(path, JB_STR("/"));
    ret_segments->count = 0;
    if (rest.size == 0)
        return true;
    rest.size -= ret_segments->slash;
    while (rest.data) {
        struct jb_str segment = jb_url_decode(scope, jb_str_cut(&rest, '/'), false);
        if (segment.size == 0 || ret_segments->count == JB_PATH_SEGMENTS_MAX || !jb_utf8_valid(segment) || memchr(segment.data, 0, segment.size))
            return false;
        ret_segments->at[ret_segments->count++] = segment;
    }
    return true;
}

struct found {
    const struct jb__place *place;
    size_t parameter_at[JB_PATH_PARAMS_MAX]; /* segment of each parameter */
    size_t count;
    bool rest; /* the last parameter takes all that follows */
};

static bool walk(const struct jb__place *place, const struct segments *segments, size_t at, struct found *found)
{
    size_t count = found->count;

    if (at == segments->count && place->paths) {
        found->place = place;
        return true;
    }
    if (at == segments->count)
        return false;
    const struct jb__place *next = jb_map_get(&place->segments, segments->at[at]);
    if (next && walk(next, segments, at + 1, found))
        return true;
    if (count < JB_PATH_PARAMS_MAX)
        found->parameter_at[count] = at;
    if (place->parameter) {
        found->count = count + 1;
        if (walk(place->parameter, segments, at + 1, found))
            return true;
        found->count = count;
    }
    if (!place->rest || !place->rest->paths)
        return false;
    found->count = count + 1;
    found->rest = true;
    found->place = place->rest;
    return true;
}

static const struct jb__path *choose(const struct jb__place *place, enum jb_method method, bool slash)
{
    const struct jb__path *best = NULL;

    for (const struct jb__path *path = place->paths; path; path = path->next)
        if (path->route->method == method || path->route->method == JB_ANY_METHOD)
            if (!best || (path->slash == slash && best->slash != slash) || (path->slash == best->slash && path->route->method == method))
                best = path;
    return best;
}

static struct jb_str allow_text(struct jb_scope *scope, const struct jb__place *place)
{
    static const char *const names[] = { NULL, "GET, HEAD", "POST", "PUT", "PATCH", "DELETE" };
    struct jb_buf buf = JB_BUF_INIT(200);

    jb_buf_put_z(&buf, "OPTIONS");
    for (int method = JB_GET; method <= JB_DELETE_METHOD; method++)
        if (choose(place, (enum jb_method)method, false))
            jb_buf_printf(&buf, ", %s", names[method]);
    struct jb_str text = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return text;
}

/* Encoded anew, so that nothing but what was matched can lead anywhere. */
static struct jb_str declared_path(struct jb_scope *scope, const struct segments *segments, bool slash)
{
    struct jb_buf buf = JB_BUF_INIT(1 << 16);

    for (size_t i = 0; i < segments->count; i++) {
        jb_buf_put_char(&buf, '/');
        jb_buf_put(&buf, jb_url_encode(scope, segments->at[i], false));
    }
    if (slash || segments->count == 0)
        jb_buf_put_char(&buf, '/');
    struct jb_str text = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return text;
}

static struct jb_str rest_text(struct jb_scope *scope, const struct segments *segments, size_t from)
{
    struct jb_buf buf = JB_BUF_INIT(1 << 16);

    for (size_t i = from; i < segments->count; i++) {
        if (i > from)
            jb_buf_put_char(&buf, '/');
        jb_buf_put(&buf, segments->at[i]);
    }
    struct jb_str text = jb_copy(scope, jb_buf_str(&buf));
    jb_buf_done(&buf);
    return text;
}

static void params_fill(struct jb_request *req, const struct jb__path *path, const struct segments *segments, const struct found *found)
{
    struct jb_param *params = JB_NEW_ARRAY(req->scope, struct jb_param, path->count + 1);

    for (size_t i = 0; i < path->count; i++) {
        bool rest = found->rest && i + 1 == found->count;
        params[i].name = path->parameters[i];
        params[i].value = rest ? rest_text(req->scope, segments, found->parameter_at[i]) : segments->at[found->parameter_at[i]];
    }
    req->path_params = params;
    req->path_param_count = path->count;
}

enum jb__match jb__route_match(const struct jb_web *web, struct jb_request *req, struct jb_str path, struct jb_str *ret_text)
{
    struct segments segments;
    struct found found = { 0 };

    if (path.size == 0 || path.data[0] != '/' || !segments_of(req->scope, path, &segments) || !walk(&web->root, &segments, 0, &found))
        return JB__MATCH_NONE;
    const struct jb__path *chosen = req->method ? choose(found.place, req->method, segments.slash) : NULL;
    if (!chosen) {
        *ret_text = allow_text(req->scope, found.place);
        return JB__MATCH_METHOD;
    }
    if (req->method == JB_GET && chosen->slash != segments.slash && !found.rest) {
        *ret_text = declared_path(req->scope, &segments, chosen->slash);
        return JB__MATCH_SLASH;
    }
    req->route = chosen->route;
    params_fill(req, chosen, &segments, &found);
    return JB__MATCH_OK;
}

/* ---- addresses of routes ------------------------------------------------------------------------------------------------------------- */

const struct jb_route *jb__route_named(const struct jb_web *web, struct jb_str name, bool *ret_parameter)
{
    const struct jb__path *path = jb_map_get(&web->paths, name);

    if (!path)
        return NULL;
    *ret_parameter = path->count > 0;
    return path->route;
}

struct jb_str jb__route_url(struct jb_scope *scope, const struct jb_route *route, struct jb_value of)
{
    struct jb_str path = jb_str_of(route->path);
    size_t open = jb_str_find_char(path, '{', 0), close = jb_str_find_char(path, '}', 0);

    if (open == SIZE_MAX)
        return path;
    JB_CHECK(of.type != JB_NULL && jb_str_find_char(path, '{', close) == SIZE_MAX); /* one parameter is filled */
    bool rest = jb_str_find(path, JB_STR("...}"), open) != SIZE_MAX;
    struct jb_str value = jb_url_encode(scope, jb_value_text(scope, of), rest), after = jb_str_slice(path, close + 1, path.size);
    return jb_format(scope, "%.*s%.*s%.*s", (int)open, path.data, JB_FMT(value), JB_FMT(after));
}

struct jb_str jb_url(struct jb_request *req, const char *route, struct jb_value of)
{
    bool parameter;
    const struct jb_route *found = jb__route_named(req->web, jb_str_of(route), &parameter);

    JB_CHECK(found != NULL);
    return jb__route_url(req->scope, found, of);
}

/* workbook.c — the small parts of a workbook: which sheets there are, where, and which styles are dates.
 *
 * Read with expat, by local names: the same code understands the transitional and the strict namespaces. Where a part lies is told only by relations, from
 * _rels/.rels downwards; a target can name nothing outside the archive, because it is only ever looked up in the directory. */
// SPDX-License-Identifier: Apache-2.0
#include "base/map.h"
#include "sheet/sheet_private.h"
#include <expat.h>
#include <stdlib.h>
#include <string.h>

#define PART_BYTES_MAX ((int64_t)64 << 20)
#define RATIO_MAX 1100 /* of small parts: what deflate can do */
#define DEPTH_MAX 256
#define SHEETS_MAX 10000
#define RELATIONS_MAX 20000
#define FORMATS_MAX 5000 /* Excel itself stops at about 250, and at 65,490 cell styles */
#define STYLES_MAX 100000
#define TARGET_BYTES_MAX 4096
#define PROLOG_BYTES 1024
#define PROLOGS_MAX 256
#define NAMESPACE_MARK '\n'

struct reader;
typedef void on_element(struct reader *reader, const char *name, const char **attributes);

/* One part being read: elements are handed over with their parent's name. */
struct reader {
    XML_Parser parser;
    struct jb_arena *arena;
    on_element *start;
    void *result;
    int depth;
    char parents[DEPTH_MAX][16];
    bool document_type, full;
};

static const char *local(const char *name)
{
    const char *mark = strrchr(name, NAMESPACE_MARK);
    return mark ? mark + 1 : name;
}

static void on_start(void *data, const char *name, const char **attributes)
{
    struct reader *reader = data;
    if (reader->depth >= DEPTH_MAX) {
        reader->full = true;
        XML_StopParser(reader->parser, XML_FALSE);
        return;
    }
    strncpy(reader->parents[reader->depth], local(name), sizeof reader->parents[0] - 1);
    reader->depth++;
    reader->start(reader, local(name), attributes);
}

static void on_stop(void *data, const char *name)
{
    (void)name;
    ((struct reader *)data)->depth--;
}

static void on_document_type(void *data, const char *name, const char *system_id, const char *public_id, int internal)
{
    struct reader *reader = data;
    (void)name, (void)system_id, (void)public_id, (void)internal;
    reader->document_type = true;
    XML_StopParser(reader->parser, XML_FALSE);
}

static const char *parent(const struct reader *reader)
{
    return reader->depth > 1 ? reader->parents[reader->depth - 2] : "";
}

/* By local name; `spaced` wants one with a namespace (r:id), otherwise one without. NULL when absent. */
static const char *attribute(const char **attributes, const char *name, bool spaced)
{
    for (; *attributes; attributes += 2)
        if (strcmp(local(*attributes), name) == 0 && (strchr(*attributes, NAMESPACE_MARK) != NULL) == spaced)
            return attributes[1];
    return NULL;
}

static struct jb_str keep(struct reader *reader, const char *text)
{
    struct jb_str result = jb_str_of(text);
    if (!text)
        return result;
    char *copy = jb_arena_alloc_raw(reader->arena, result.size + 1);
    memcpy(copy, text, result.size + 1);
    return (struct jb_str){ copy, result.size };
}

static bool fail_broken(struct jb_scope *scope, struct jb_str part, const char *reason)
{
    return jb_fail(scope, JB_INVALID, JB_L(scope, "통합 문서가 손상되었습니다. %.*s: %s. 엑셀에서 열어 다시 저장하세요.", "The workbook is damaged. %.*s: %s. Open it in Excel and save it again."), JB_FMT(part), reason);
}

static bool fail_document_type(struct jb_scope *scope, struct jb_str part)
{
    return fail_broken(scope, part, JB_L(scope, "문서 형식 선언(DTD)은 받지 않습니다", "a document type (DTD) is not accepted"));
}

static bool parse(struct reader *reader, struct jb_scope *scope, struct jb__part *part, struct jb_str name)
{
    enum XML_Status status = XML_STATUS_OK;
    size_t size;
    do {
        void *buffer = XML_GetBuffer(reader->parser, 64 * 1024);
        JB_CHECK(buffer);
        size = jb__part_read(part, buffer, 64 * 1024);
        if (jb__part_state(part) > JB__PART_END)
            return jb__part_fail(scope, jb__part_state(part), name);
        status = XML_ParseBuffer(reader->parser, (int)size, size == 0);
    } while (status == XML_STATUS_OK && size > 0);
    if (status == XML_STATUS_OK)
        return true;
    if (reader->document_type)
        return fail_document_type(scope, name);
    return fail_broken(scope, name, reader->full ? JB_L(scope, "너무 복잡합니다", "it is too complex") : XML_ErrorString(XML_GetErrorCode(reader->parser)));
}

static bool read_part(struct jb_scope *scope, const struct jb__zip *zip, const struct jb__zip_entry *entry, struct jb_arena *arena, on_element *start, void *result)
{
    struct reader *reader = calloc(1, sizeof *reader);
    struct jb__part *part = jb__part_new(zip, entry, PART_BYTES_MAX, RATIO_MAX);
    JB_CHECK(reader);
    *reader = (struct reader){ .parser = XML_ParserCreateNS(NULL, NAMESPACE_MARK), .arena = arena, .start = start, .result = result };
    JB_CHECK(reader->parser);
    XML_SetUserData(reader->parser, reader);
    XML_SetElementHandler(reader->parser, on_start, on_stop);
    XML_SetStartDoctypeDeclHandler(reader->parser, on_document_type);
    bool ok = parse(reader, scope, part, entry->name);
    XML_ParserFree(reader->parser);
    jb__part_free(part);
    free(reader);
    return ok;
}

/* ---- relations ----------------------------------------------------------------------------------------------------------- */

struct relation {
    struct jb_str id, type, target;
    bool external;
};

struct relations {
    struct relation *at;
    size_t count, capacity;
};

/* Arrays in the arena grow by copying: the arena keeps the old ones, at most as much again. */
static void *grow(struct jb_arena *arena, void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return array;
    *capacity = *capacity ? *capacity * 2 : 16;
    void *larger = jb_arena_alloc(arena, *capacity * size);
    if (count)
        memcpy(larger, array, count * size);
    return larger;
}

static void on_relation(struct reader *reader, const char *name, const char **attributes)
{
    struct relations *relations = reader->result;
    if (strcmp(name, "Relationship") != 0)
        return;
    if (relations->count >= RELATIONS_MAX) {
        reader->full = true;
        XML_StopParser(reader->parser, XML_FALSE);
        return;
    }
    const char *mode = attribute(attributes, "TargetMode", false);
    relations->at = grow(reader->arena, relations->at, relations->count, &relations->capacity, sizeof *relations->at);
    relations->at[relations->count++] = (struct relation){
        .id = keep(reader, attribute(attributes, "Id", false)),
        .type = keep(reader, attribute(attributes, "Type", false)),
        .target = keep(reader, attribute(attributes, "Target", false)),
        .external = mode && strcmp(mode, "External") == 0,
    };
}

/* The last word of a relation's type: "worksheet" in both namespaces. */
static bool is_type(const struct relation *relation, const char *word)
{
    struct jb_str type = relation->type;
    size_t size = strlen(word);
    return type.size > size && type.data[type.size - size - 1] == '/' && jb_str_is(jb_str_slice(type, type.size - size, type.size), word);
}

static const struct relation *of_type(const struct relations *relations, const char *word)
{
    for (size_t i = 0; i < relations->count; i++)
        if (is_type(&relations->at[i], word))
            return &relations->at[i];
    return NULL;
}

static struct jb_str folder_of(struct jb_str part)
{
    size_t end = 0;
    for (size_t i = 0; i < part.size; i++)
        if (part.data[i] == '/')
            end = i;
    return jb_str_slice(part, 0, end);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                                               : -1;
}

/* "../a/b.xml" seen from a folder, "/xl/b.xml" from the top, \ for / and %20 tolerated. NULL when it leads out of the archive. */
static struct jb_str resolve(struct jb_arena *arena, struct jb_str folder, struct jb_str target)
{
    if (!target.data || target.size > TARGET_BYTES_MAX)
        return JB_STR_NULL;
    char *path = jb_arena_alloc(arena, folder.size + target.size + 2);
    size_t size = 0;
    if (target.size && target.data[0] != '/' && target.data[0] != '\\') {
        if (folder.size)
            memcpy(path, folder.data, folder.size);
        size = folder.size;
    }
    for (size_t at = 0; at <= target.size;) {
        size_t end = at;
        while (end < target.size && target.data[end] != '/' && target.data[end] != '\\')
            end++;
        struct jb_str step = jb_str_slice(target, at, end);
        at = end + 1;
        if (jb_str_is(step, "..")) {
            if (size == 0)
                return JB_STR_NULL;
            while (size > 0 && path[--size] != '/')
                ;
        } else if (step.size && !jb_str_is(step, ".")) {
            if (size)
                path[size++] = '/';
            for (size_t i = 0; i < step.size; i++) {
                int high = step.data[i] == '%' && i + 2 < step.size ? hex_digit(step.data[i + 1]) : -1, low = high >= 0 ? hex_digit(step.data[i + 2]) : -1;
                path[size++] = low >= 0 ? (char)(high << 4 | low) : step.data[i];
                i += low >= 0 ? 2 : 0;
            }
        }
    }
    return (struct jb_str){ path, size };
}

/* The relations of a part ("" for the archive's own). Absent ones are none. */
static bool read_relations(struct jb_scope *scope, const struct jb__zip *zip, struct jb_arena *arena, struct jb_str part, struct relations *relations)
{
    struct jb_str folder = folder_of(part), name = jb_str_slice(part, folder.size + (folder.size > 0), part.size);
    struct jb_str path = jb_format(scope, "%.*s%s_rels/%.*s.rels", JB_FMT(folder), folder.size ? "/" : "", JB_FMT(name));
    const struct jb__zip_entry *entry = jb__zip_find(zip, path);
    *relations = (struct relations){ 0 };
    return !entry || read_part(scope, zip, entry, arena, on_relation, relations);
}

/* ---- workbook.xml ------------------------------------------------------------------------------------------------------------ */

struct sheet_entry {
    struct jb_str name, id;
};

struct book {
    struct sheet_entry *sheets;
    size_t count, capacity;
    bool date1904;
};

static void on_book(struct reader *reader, const char *name, const char **attributes)
{
    struct book *book = reader->result;
    if (strcmp(name, "workbookPr") == 0 && strcmp(parent(reader), "workbook") == 0) { /* extensions have one of their own */
        const char *date1904 = attribute(attributes, "date1904", false);
        book->date1904 = date1904 && (strcmp(date1904, "1") == 0 || strcmp(date1904, "true") == 0 || strcmp(date1904, "on") == 0);
    } else if (strcmp(name, "sheet") == 0 && strcmp(parent(reader), "sheets") == 0) {
        if (book->count >= SHEETS_MAX) {
            reader->full = true;
            XML_StopParser(reader->parser, XML_FALSE);
            return;
        }
        book->sheets = grow(reader->arena, book->sheets, book->count, &book->capacity, sizeof *book->sheets);
        book->sheets[book->count++] = (struct sheet_entry){ keep(reader, attribute(attributes, "name", false)), keep(reader, attribute(attributes, "id", true)) };
    }
}

/* Worksheets only: chart, dialog and macro sheets hold no rows. */
static bool pick_sheets(struct jb__workbook *workbook, struct jb_scope *scope, struct jb_arena *arena, const struct book *book, const struct relations *relations, struct jb_str folder)
{
    workbook->names = jb_arena_alloc(arena, (book->count + 1) * sizeof *workbook->names);
    workbook->parts = jb_arena_alloc(arena, (book->count + 1) * sizeof *workbook->parts);
    struct jb_map by_id;
    jb_map_init(&by_id);
    for (size_t k = relations->count; k-- > 0;) /* the first of an id counts */
        if (relations->at[k].id.data)
            jb_map_put(&by_id, relations->at[k].id, &relations->at[k]);
    for (size_t i = 0; i < book->count; i++) {
        const struct relation *relation = book->sheets[i].id.data ? jb_map_get(&by_id, book->sheets[i].id) : NULL;
        if (!relation || relation->external || !is_type(relation, "worksheet"))
            continue;
        workbook->names[workbook->count] = book->sheets[i].name.data ? book->sheets[i].name : JB_STR("");
        workbook->parts[workbook->count++] = resolve(arena, folder, relation->target);
    }
    jb_map_done(&by_id);
    if (workbook->count == 0)
        return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "통합 문서에 읽을 수 있는 시트가 없습니다. 시트가 있는 .xlsx 파일을 올리세요.", "The workbook has no worksheet to read. Use an .xlsx file that has one."));
    return true;
}

/* ---- styles.xml -------------------------------------------------------------------------------------------------------------- */

struct styles {
    struct jb__shown_as *formats;
    size_t format_count, format_capacity;
    uint32_t *cells; /* places of formats */
    size_t count, capacity;
};

static void add_format(struct reader *reader, int id, const char *code)
{
    struct styles *styles = reader->result;

    styles->formats = grow(reader->arena, styles->formats, styles->format_count, &styles->format_capacity, sizeof *styles->formats);
    styles->formats[styles->format_count++] = (struct jb__shown_as){ { id, keep(reader, code) }, code ? jb__format_of(jb_str_of(code)) : jb__format_builtin(id) };
}

/* The place of a format; the last of an id counts. */
static uint32_t format_find(struct reader *reader, int id)
{
    struct styles *styles = reader->result;

    for (size_t i = styles->format_count; i-- > 0;)
        if (styles->formats[i].number.id == id)
            return (uint32_t)i;
    add_format(reader, id, NULL);
    return (uint32_t)styles->format_count - 1;
}

static void on_style(struct reader *reader, const char *name, const char **attributes)
{
    struct styles *styles = reader->result;
    const char *id = attribute(attributes, "numFmtId", false);
    if (styles->count >= STYLES_MAX || styles->format_count >= FORMATS_MAX) {
        reader->full = true;
        XML_StopParser(reader->parser, XML_FALSE);
    } else if (id && strcmp(name, "numFmt") == 0 && strcmp(parent(reader), "numFmts") == 0) {
        const char *code = attribute(attributes, "formatCode", false);
        add_format(reader, atoi(id), code ? code : "");
    } else if (strcmp(name, "xf") == 0 && strcmp(parent(reader), "cellXfs") == 0) {
        styles->cells = grow(reader->arena, styles->cells, styles->count, &styles->capacity, sizeof *styles->cells);
        styles->cells[styles->count++] = format_find(reader, id ? atoi(id) : 0);
    }
}

/* ---- parts that nobody reads ------------------------------------------------------------------------------------------------- */

/* A package may hold no document type in any part (ISO 29500-2): one that does was made to harm whoever reads all of it. People's own XML is their own. */
static bool check_prologs(struct jb_scope *scope, const struct jb__zip *zip)
{
    char head[PROLOG_BYTES];
    for (size_t i = 0; i < JB_MIN(zip->count, (size_t)PROLOGS_MAX); i++) {
        struct jb_str name = zip->entries[i].name;
        bool xml = jb_str_ends(name, JB_STR(".xml")) || jb_str_ends(name, JB_STR(".rels"));
        if (!xml || jb_str_starts(name, JB_STR("customXml/")) || jb_str_is(name, "xl/xmlMaps.xml"))
            continue;
        struct jb__part *part = jb__part_new(zip, &zip->entries[i], PART_BYTES_MAX, RATIO_MAX);
        struct jb_str text = { head, jb__part_read(part, head, sizeof head) };
        jb__part_free(part);
        if (jb_str_find(text, JB_STR("<!DOCTYPE"), 0) != SIZE_MAX)
            return fail_document_type(scope, name);
    }
    return true;
}

/* ---- all together -------------------------------------------------------------------------------------------------------------- */

/* Where the archive says its workbook is; most writers that say nothing put it in the usual place. */
static bool find_workbook(struct jb_scope *scope, const struct jb__zip *zip, struct jb_arena *arena, const struct jb__zip_entry **ret_entry)
{
    struct relations relations;
    if (!read_relations(scope, zip, arena, JB_STR(""), &relations))
        return false;
    const struct relation *relation = of_type(&relations, "officeDocument");
    struct jb_str part = relation ? resolve(arena, JB_STR(""), relation->target) : JB_STR("xl/workbook.xml");
    const struct jb__zip_entry *entry = part.data ? jb__zip_find(zip, part) : NULL;
    if (jb_str_ends(part, JB_STR(".bin")) || (!entry && jb__zip_find(zip, JB_STR("xl/workbook.bin"))))
        return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "이진 통합 문서(.xlsb)는 읽지 않습니다. 엑셀에서 .xlsx로 저장하세요.", "Binary workbooks (.xlsb) are not read. Save it as .xlsx in Excel."));
    if (!entry)
        return jb_fail(scope, JB_INVALID, "%s", JB_L(scope, "압축 파일이지만 통합 문서(.xlsx, .ods)가 아닙니다. .xlsx로 저장하세요.", "This is a zip archive but no workbook (.xlsx, .ods). Save it as .xlsx."));
    *ret_entry = entry;
    return true;
}

static bool read_styles(struct jb__workbook *workbook, struct jb_scope *scope, const struct jb__zip *zip, struct jb_arena *arena, const struct relation *relation, struct jb_str folder)
{
    struct styles styles = { 0 };
    struct jb_str part = relation ? resolve(arena, folder, relation->target) : JB_STR_NULL;
    const struct jb__zip_entry *entry = part.data ? jb__zip_find(zip, part) : NULL;
    if (entry && !read_part(scope, zip, entry, arena, on_style, &styles))
        return false;
    workbook->formats = styles.formats;
    workbook->format_count = styles.format_count;
    workbook->styles = styles.cells;
    workbook->style_count = styles.count;
    return true;
}

bool jb__workbook_read(struct jb__workbook *workbook, struct jb_scope *scope, const struct jb__zip *zip, struct jb_arena *arena)
{
    const struct jb__zip_entry *entry = NULL;
    struct relations relations;
    struct book book = { 0 };
    *workbook = (struct jb__workbook){ 0 };
    if (!find_workbook(scope, zip, arena, &entry) || !check_prologs(scope, zip) || !read_part(scope, zip, entry, arena, on_book, &book) || !read_relations(scope, zip, arena, entry->name, &relations))
        return false;
    struct jb_str folder = folder_of(entry->name);
    workbook->date1904 = book.date1904;
    if (!pick_sheets(workbook, scope, arena, &book, &relations, folder))
        return false;
    const struct relation *strings = of_type(&relations, "sharedStrings");
    if (strings && !strings->external) {
        struct jb_str part = resolve(arena, folder, strings->target);
        if (part.data && jb__zip_find(zip, part))
            workbook->strings_part = part;
    }
    return read_styles(workbook, scope, zip, arena, of_type(&relations, "styles"), folder);
}

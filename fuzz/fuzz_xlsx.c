/* fuzz_xlsx.c — any bytes as a workbook: refused with a reason, or read to cells in order, each of which every kind of field takes or refuses.
 *
 * Bytes that begin with PK are the file itself. Others are its parts: sheet, shared strings, styles and workbook, separated by the byte FF; they are packed
 * here, because no mutation survives a checksum. */
// SPDX-License-Identifier: Apache-2.0
#include "fuzz_sheet.h"

static const char relations[] =
    "<Relationships><Relationship Id=\"rId1\" Type=\"/worksheet\" Target=\"s.xml\"/><Relationship Id=\"rId2\" Type=\"/sharedStrings\" Target=\"t.xml\"/><Relationship Id=\"rId3\" Type=\"/styles\" Target=\"f.xml\"/></Relationships>";
static const char workbook[] = "<workbook xmlns:r=\"r\"><sheets><sheet name=\"s\" r:id=\"rId1\"/></sheets></workbook>";

static void pack(struct jb_scope *scope, int fd, struct jb_str bytes)
{
    struct jb__zip_writer *zip = jb__zip_writer_new(to_fd, &fd, false);
    put_part(zip, scope, "xl/_rels/workbook.xml.rels", jb_str_of(relations));
    put_part(zip, scope, "xl/s.xml", jb_str_cut(&bytes, '\xff'));
    if (bytes.data)
        put_part(zip, scope, "xl/t.xml", jb_str_cut(&bytes, '\xff'));
    if (bytes.data)
        put_part(zip, scope, "xl/f.xml", jb_str_cut(&bytes, '\xff'));
    put_part(zip, scope, "xl/workbook.xml", bytes.data ? bytes : jb_str_of(workbook));
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
    read_all(scope, fd, "f.xlsx");
    close(fd);
    jb_scope_end(scope);
    return 0;
}

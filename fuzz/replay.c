/* replay.c — runs a fuzz target over its corpus as an ordinary test, without libFuzzer: replay_NAME FOLDER-OR-FILE…
 *
 * Every input is copied into memory of exactly its size, so that ASan sees a read past its end. */
// SPDX-License-Identifier: Apache-2.0
#include "fuzz.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static size_t inputs;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat about;

    if (!file || fstat(fileno(file), &about) != 0)
        die(path);
    size_t size = (size_t)about.st_size;
    uint8_t *data = malloc(size);
    if ((size && !data) || fread(data, 1, size, file) != size)
        die(path);
    fclose(file);
    printf("%s\n", path); /* the last one printed is the one that crashed */
    fflush(stdout);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    inputs++;
}

static void replay_folder(const char *path)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort);

    if (count < 0)
        die(path);
    for (int i = 0; i < count; i++) {
        char name[4096];
        int size = snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && size < (int)sizeof name)
            replay_file(name);
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct stat about;
        if (stat(argv[i], &about) != 0)
            die(argv[i]);
        (S_ISDIR(about.st_mode) ? replay_folder : replay_file)(argv[i]);
    }
    if (inputs == 0) {
        fprintf(stderr, "nothing to replay\n");
        return 1;
    }
    return 0;
}

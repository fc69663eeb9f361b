/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over kept inputs, so that what fuzzing once found is an ordinary test with any
 * compiler. Arguments: files, or directories whose files are taken. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum { INPUT_MAX = 16 << 20 };

static int run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        (void)fprintf(stderr, "cannot open %s\n", path);
        return -1;
    }
    uint8_t *all = malloc(INPUT_MAX);
    size_t n = all == NULL ? 0 : fread(all, 1, INPUT_MAX, f);
    (void)fclose(f);
    /* An exact copy, so that reading too far is seen by the address sanitizer. */
    uint8_t *exact = malloc(n > 0 ? n : 1);
    if (all == NULL || exact == NULL) {
        free(all);
        free(exact);
        return -1;
    }
    memcpy(exact, all, n);
    free(all);
    (void)fprintf(stderr, "%s\n", path); /* the last line names the input that crashed */
    (void)LLVMFuzzerTestOneInput(exact, n);
    free(exact);
    return 1;
}

static int run_dir(const char *dir)
{
    int count = 0;
    DIR *d = opendir(dir);
    if (d == NULL) {
        return -1;
    }
    for (struct dirent *e = readdir(d); e != NULL && count >= 0; e = readdir(d)) {
        char path[4096];
        if (e->d_name[0] == '.') {
            continue;
        }
        int len = snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        count = len < 0 || (size_t)len >= sizeof(path) || run_file(path) < 0 ? -1 : count + 1;
    }
    (void)closedir(d);
    return count;
}

int main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        struct stat sb;
        int n = stat(argv[i], &sb) != 0 ? -1
                : S_ISDIR(sb.st_mode)   ? run_dir(argv[i])
                                        : run_file(argv[i]);
        if (n < 0) {
            (void)fprintf(stderr, "cannot replay %s\n", argv[i]);
            return 1;
        }
        total += n;
    }
    (void)printf("%d inputs replayed\n", total);
    return total > 0 ? 0 : 1; /* an empty corpus tests nothing */
}

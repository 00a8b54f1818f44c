/* Without libFuzzer: run the target once over each file named (the corpus), and over deterministic mutations of it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mutate(uint8_t *data, size_t size)
{
    uint64_t seed = 88172645463325252ULL + size;
    for (int round = 0; round < 2000 && size > 0; round++) {
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        size_t at = (size_t)(seed % size);
        uint8_t old = data[at];
        data[at] = (uint8_t)(seed >> 56);
        LLVMFuzzerTestOneInput(data, (seed & 7) == 0 ? at : size);
        if (seed & 16) data[at] = old;
    }
}

int main(int argc, char **argv)
{
    static uint8_t buffer[1 << 20];
    LLVMFuzzerTestOneInput(buffer, 0);
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (!file) return perror(argv[i]), 1;
        size_t size = fread(buffer, 1, sizeof buffer, file);
        fclose(file);
        LLVMFuzzerTestOneInput(buffer, size);
        mutate(buffer, size);
    }
    return 0;
}

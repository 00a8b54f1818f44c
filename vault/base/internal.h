/* What the files of this room share and nobody else sees. */
#pragma once
#include "vault/base/bytes.h"

/* Present only when the program is linked with AddressSanitizer or ThreadSanitizer: their runtimes define these names.
 */
__attribute__((weak)) void __asan_poison_memory_region(const volatile void *at, size_t len);
__attribute__((weak)) void __asan_unpoison_memory_region(const volatile void *at, size_t len);
__attribute__((weak)) void __tsan_init(void);

/* Sanitizers map terabytes of shadow and trace their own process, which locked and undumpable memory forbids. */
static inline bool sanitizer_runs(void)
{
    return __asan_poison_memory_region || __tsan_init;
}

/* Our allocators hide their free memory from AddressSanitizer unless they tell it. */
static inline void memory_forbid(const void *at, size_t len)
{
    if (__asan_poison_memory_region) __asan_poison_memory_region(at, len);
}
static inline void memory_permit(const void *at, size_t len)
{
    if (__asan_unpoison_memory_region) __asan_unpoison_memory_region(at, len);
}

/* Length of the well-formed UTF-8 sequence (RFC 3629) at the start of b, or 0. */
size_t utf8_sequence(bytes b);

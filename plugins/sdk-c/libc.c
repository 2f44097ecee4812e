// The few functions of C's library that the bindings, the SDK and plugins call, so that a plugin needs no libc and imports no WASI.
//
// Memory: blocks of sizes that are powers of two, each with a list of free ones. Nothing is ever joined or split; a batch
// frees what it took, and the next one takes the same sizes again.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 65536u
// Before each block; 16 bytes keep the block itself aligned.
#define HEADER 16u
#define SMALLEST 5u // 32 bytes, header and all
#define CLASSES 32u

typedef struct block {
    struct block *next;
    uint32_t class;
} block;

extern unsigned char __heap_base;

static block *unused[CLASSES];
static uintptr_t top, end;

static block *more(uint32_t class) {
    uintptr_t size = (uintptr_t)1 << class;
    if (top == 0) {
        top = ((uintptr_t)&__heap_base + HEADER - 1) & ~(uintptr_t)(HEADER - 1);
        end = (uintptr_t)__builtin_wasm_memory_size(0) * PAGE;
    }
    if (end - top < size) {
        uintptr_t pages = (size - (end - top) + PAGE - 1) / PAGE;
        if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) return NULL;
        end += pages * PAGE;
    }
    block *made = (block *)top;
    made->class = class;
    top += size;
    return made;
}

void *malloc(size_t size) {
    if (size > ((size_t)1 << (CLASSES - 1)) - HEADER) return NULL;
    size_t whole = size + HEADER;
    uint32_t class = whole <= (1u << SMALLEST) ? SMALLEST : 32u - (uint32_t)__builtin_clz((unsigned)(whole - 1));
    block *found = unused[class];
    if (found != NULL) {
        unused[class] = found->next;
    } else if ((found = more(class)) == NULL) {
        return NULL;
    }
    return (unsigned char *)found + HEADER;
}

void free(void *at) {
    if (at == NULL) return;
    block *freed = (block *)((unsigned char *)at - HEADER);
    freed->next = unused[freed->class];
    unused[freed->class] = freed;
}

void *calloc(size_t count, size_t size) {
    size_t whole;
    if (__builtin_mul_overflow(count, size, &whole)) return NULL;
    void *made = malloc(whole);
    if (made != NULL) memset(made, 0, whole);
    return made;
}

void *realloc(void *at, size_t size) {
    if (at == NULL) return malloc(size);
    size_t room = ((size_t)1 << ((block *)((unsigned char *)at - HEADER))->class) - HEADER;
    if (size <= room) return at;
    void *made = malloc(size);
    if (made == NULL) return NULL;
    memcpy(made, at, room);
    free(at);
    return made;
}

_Noreturn void abort(void) { __builtin_trap(); }

// With bulk memory these are one instruction each.
void *memcpy(void *restrict to, const void *restrict from, size_t size) { return __builtin_memcpy(to, from, size); }

void *memmove(void *to, const void *from, size_t size) { return __builtin_memmove(to, from, size); }

void *memset(void *to, int byte, size_t size) { return __builtin_memset(to, byte, size); }

// The compiler must not take the loops below for the functions that they are.
#define PLAIN __attribute__((no_builtin))

PLAIN int memcmp(const void *left, const void *right, size_t size) {
    const unsigned char *a = left, *b = right;
    for (size_t i = 0; i < size; i++) {
        if (a[i] != b[i]) return a[i] - b[i];
    }
    return 0;
}

PLAIN void *memchr(const void *in, int byte, size_t size) {
    const unsigned char *bytes = in;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == (unsigned char)byte) return (void *)(bytes + i);
    }
    return NULL;
}

PLAIN size_t strlen(const char *text) {
    size_t length = 0;
    while (text[length] != '\0') length++;
    return length;
}

PLAIN int strncmp(const char *left, const char *right, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (left[i] != right[i] || left[i] == '\0') return (unsigned char)left[i] - (unsigned char)right[i];
    }
    return 0;
}

PLAIN int strcmp(const char *left, const char *right) { return strncmp(left, right, SIZE_MAX); }

// What the compiler calls to multiply 128 bits, and so to see whether a product of 64 fits. Used, for the linker's optimiser asks for it last.
__attribute__((used)) __int128 __multi3(__int128 left, __int128 right) {
    uint64_t a = (uint64_t)left, b = (uint64_t)right;
    uint64_t a_low = (uint32_t)a, a_high = a >> 32, b_low = (uint32_t)b, b_high = b >> 32;
    uint64_t low = a_low * b_low;
    uint64_t middle = a_high * b_low + (low >> 32);
    uint64_t other = a_low * b_high + (uint32_t)middle;
    uint64_t high = a_high * b_high + (middle >> 32) + (other >> 32);
    high += a * (uint64_t)(right >> 64) + b * (uint64_t)(left >> 64);
    return (__int128)((unsigned __int128)high << 64 | (other << 32 | (uint32_t)low));
}

#include "memory.h"

#include <stdlib.h>

typedef struct text {
    struct text *next;
    uint8_t bytes[];
} text;

static text *texts;

void *snowgate_allocate(size_t size) {
    void *made = malloc(size);
    if (made == NULL) abort();
    return made;
}

void *snowgate_room(void *block, size_t *room, size_t items, size_t size) {
    if (items <= *room) return block;
    size_t wanted = items < 2 * *room ? 2 * *room : items;
    size_t bytes;
    void *made = __builtin_mul_overflow(wanted, size, &bytes) ? NULL : realloc(block, bytes);
    if (made == NULL) abort();
    *room = wanted;
    return made;
}

void snowgate_free_empty(size_t items, void *block) {
    if (items == 0) free(block);
}

uint8_t *snowgate_text_room(size_t size) {
    text *made = snowgate_allocate(sizeof(text) + size);
    made->next = texts;
    texts = made;
    return made->bytes;
}

void snowgate_forget_texts(void) {
    while (texts != NULL) {
        text *next = texts->next;
        free(texts);
        texts = next;
    }
}

void snowgate_keep_texts(void) { texts = NULL; }

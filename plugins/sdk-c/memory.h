// Memory for the SDK itself: it never answers NULL, for a plugin without memory can only stop.
#pragma once
#include <stddef.h>
#include <stdint.h>

void *snowgate_allocate(size_t size);
// Room for `items` of `size` bytes each; `room` is how many there is room for, and doubles.
void *snowgate_room(void *block, size_t *room, size_t items, size_t size);
// Frees the block of a list that has no items.
void snowgate_free_empty(size_t items, void *block);

// A text that stays until the batch ends.
uint8_t *snowgate_text_room(size_t size);
void snowgate_forget_texts(void);
// Those there are stay for good.
void snowgate_keep_texts(void);

// JSON, read as far as somebody asks. Strings, brackets and separators are looked at; what a number or a literal is made of is not.
#include "snowgate.h"

#include <string.h>

#include "memory.h"

static const uint8_t *blanks(const uint8_t *at, const uint8_t *end) {
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) at++;
    return at;
}

// Past the string that begins at `at`, or NULL.
static const uint8_t *string(const uint8_t *at, const uint8_t *end) {
    for (at++; at < end; at++) {
        if (*at == '"') return at + 1;
        if (*at == '\\') at++;
    }
    return NULL;
}

// Past the value that begins at `at`, or NULL. Steps over brackets without a stack, so that depth costs nothing.
static const uint8_t *value(const uint8_t *at, const uint8_t *end) {
    if (at == end) return NULL;
    if (*at == '"') return string(at, end);
    if (*at != '{' && *at != '[') {
        const uint8_t *start = at;
        while (at < end && *at != ',' && *at != '}' && *at != ']' && *at != ' ' && *at != '\t' && *at != '\n' && *at != '\r') at++;
        return at == start ? NULL : at;
    }
    size_t depth = 0;
    while (at < end) {
        if (*at == '"') {
            at = string(at, end);
            if (at == NULL) return NULL;
            continue;
        }
        if (*at == '{' || *at == '[') depth++;
        if ((*at == '}' || *at == ']') && --depth == 0) return at + 1;
        at++;
    }
    return NULL;
}

snowgate_json_iter snowgate_json_members(snowgate_bytes json) {
    const uint8_t *end = json.ptr + json.len;
    const uint8_t *at = blanks(json.ptr, end);
    snowgate_json_iter iter = {.end = end, .first = true};
    if (at < end && (*at == '{' || *at == '[')) {
        iter.closes = *at == '{' ? '}' : ']';
        iter.at = at + 1;
    } else {
        iter.broken = true;
    }
    return iter;
}

bool snowgate_json_next(snowgate_json_iter *iter) {
    if (iter->broken || iter->at == NULL) return false;
    const uint8_t *end = iter->end, *at = blanks(iter->at, end);
    iter->broken = true;
    if (at == end) return false;
    if (*at == iter->closes) {
        iter->broken = false;
        iter->at = NULL;
        return false;
    }
    if (!iter->first) {
        if (*at != ',') return false;
        at = blanks(at + 1, end);
    }
    if (iter->closes == '}') {
        if (at == end || *at != '"') return false;
        const uint8_t *name = at;
        if ((at = string(at, end)) == NULL) return false;
        iter->name = (snowgate_bytes){name, (size_t)(at - name)};
        at = blanks(at, end);
        if (at == end || *at != ':') return false;
        at = blanks(at + 1, end);
    }
    const uint8_t *past = value(at, end);
    if (past == NULL) return false;
    iter->value = (snowgate_bytes){at, (size_t)(past - at)};
    iter->at = past;
    iter->first = false;
    iter->broken = false;
    return true;
}

static int hex(const uint8_t *at) {
    int unit = 0;
    for (int i = 0; i < 4; i++) {
        int digit = at[i] >= '0' && at[i] <= '9' ? at[i] - '0' : (at[i] | 32) >= 'a' && (at[i] | 32) <= 'f' ? (at[i] | 32) - 'a' + 10 : -1;
        if (digit < 0) return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static uint8_t *utf8(uint8_t *to, uint32_t point) {
    if (point < 0x80) {
        *to++ = (uint8_t)point;
        return to;
    }
    if (point < 0x800) {
        *to++ = (uint8_t)(0xc0 | point >> 6);
    } else {
        if (point < 0x10000) {
            *to++ = (uint8_t)(0xe0 | point >> 12);
        } else {
            *to++ = (uint8_t)(0xf0 | point >> 18);
            *to++ = (uint8_t)(0x80 | (point >> 12 & 0x3f));
        }
        *to++ = (uint8_t)(0x80 | (point >> 6 & 0x3f));
    }
    *to++ = (uint8_t)(0x80 | (point & 0x3f));
    return to;
}

// Takes the escape behind a backslash at `at`. NULL when it is none. An escape is never shorter than what it stands for.
static const uint8_t *escape(const uint8_t *at, const uint8_t *end, uint8_t **to) {
    static const char names[] = "\"\\/bfnrt", stands_for[] = "\"\\/\b\f\n\r\t";
    if (at == end) return NULL;
    if (*at != 'u') {
        const char *name = memchr(names, *at, sizeof names - 1);
        if (name == NULL) return NULL;
        *(*to)++ = (uint8_t)stands_for[name - names];
        return at + 1;
    }
    int unit = end - at >= 5 ? hex(at + 1) : -1;
    if (unit < 0) return NULL;
    at += 5;
    uint32_t point = (uint32_t)unit;
    if (unit >= 0xd800 && unit < 0xe000) {
        int low = unit < 0xdc00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u' ? hex(at + 2) : -1;
        if (low < 0xdc00 || low >= 0xe000) {
            // Half a pair stands for nothing.
            point = 0xfffd;
        } else {
            point = 0x10000 + (((uint32_t)unit - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
            at += 6;
        }
    }
    *to = utf8(*to, point);
    return at;
}

// Whether a member is called so. Its escapes are read in passing: a record may have any number of them.
static bool is_called(snowgate_bytes name, snowgate_bytes wanted) {
    const uint8_t *at = name.ptr + 1, *end = name.ptr + name.len - 1;
    if (memchr(at, '\\', (size_t)(end - at)) == NULL) {
        return (size_t)(end - at) == wanted.len && memcmp(at, wanted.ptr, wanted.len) == 0;
    }
    size_t same = 0;
    while (at < end) {
        uint8_t letter[4], *to = letter;
        if (*at != '\\') {
            *to++ = *at++;
        } else if ((at = escape(at + 1, end, &to)) == NULL) {
            return false;
        }
        size_t len = (size_t)(to - letter);
        if (wanted.len - same < len || memcmp(wanted.ptr + same, letter, len) != 0) return false;
        same += len;
    }
    return same == wanted.len;
}

bool snowgate_json_get(snowgate_bytes json, const char *path, snowgate_bytes *found) {
    *found = SNOWGATE_NULL;
    while (true) {
        const uint8_t *start = blanks(json.ptr, json.ptr + json.len);
        if (start == json.ptr + json.len) return false;
        if (*start != '{') return true;
        size_t len = 0;
        while (path[len] != '\0' && path[len] != '.') len++;
        snowgate_bytes wanted = {(const uint8_t *)path, len};
        snowgate_json_iter members = snowgate_json_members(json);
        bool here = false;
        while (!here && snowgate_json_next(&members)) here = is_called(members.name, wanted);
        if (!here) return !members.broken;
        if (path[len] == '\0') {
            *found = members.value;
            return true;
        }
        json = members.value;
        path += len + 1;
    }
}

bool snowgate_json_text(snowgate_bytes json, snowgate_bytes *text) {
    if (json.len < 2 || json.ptr[0] != '"' || json.ptr[json.len - 1] != '"') return false;
    const uint8_t *at = json.ptr + 1, *end = json.ptr + json.len - 1;
    const uint8_t *first = memchr(at, '\\', (size_t)(end - at));
    if (first == NULL) {
        *text = (snowgate_bytes){at, (size_t)(end - at)};
        return true;
    }
    uint8_t *made = snowgate_text_room((size_t)(end - at)), *to = made;
    while (at < end) {
        if (*at != '\\') {
            *to++ = *at++;
        } else if ((at = escape(at + 1, end, &to)) == NULL) {
            return false;
        }
    }
    *text = (snowgate_bytes){made, (size_t)(to - made)};
    return true;
}

bool snowgate_json_int(snowgate_bytes json, int64_t *number) {
    const uint8_t *at = json.ptr, *end = json.ptr + json.len;
    bool negative = at < end && *at == '-';
    if (negative) at++;
    if (at == end || (*at == '0' && end - at > 1)) return false;
    int64_t sum = 0;
    for (; at < end; at++) {
        if (*at < '0' || *at > '9' || __builtin_mul_overflow(sum, 10, &sum)) return false;
        int digit = *at - '0';
        if (negative ? __builtin_sub_overflow(sum, digit, &sum) : __builtin_add_overflow(sum, digit, &sum)) return false;
    }
    *number = sum;
    return true;
}

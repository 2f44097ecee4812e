// Write Snowgate plugins in C: one function that sees a record and says what becomes of it.
//
//     #include "snowgate.h"
//
//     static snowgate_verdict transform(snowgate_record *record) {
//         return snowgate_value(record).len > 1000 ? SNOWGATE_DROP : SNOWGATE_KEEP;
//     }
//
//     const snowgate_plugin snowgate_this = {.name = "no-long-ones", .version = "1.0.0", .needs = SNOWGATE_VALUES, .transform = transform};
//
// Records are read in place and outputs are written straight into the answer. The answer should follow from the record and the
// configuration alone: instances come and go, and after a fault a record is shown again.
//
// There is no C library: `<stdlib.h>` and `<string.h>` have a dozen functions, and nothing reaches outside.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Bytes that somebody else owns. `ptr` is NULL for a null: a tombstone, a record without a key, a field that is not there.
typedef struct snowgate_bytes {
    const uint8_t *ptr;
    size_t len;
} snowgate_bytes;

#define SNOWGATE_NULL ((snowgate_bytes){NULL, 0})

snowgate_bytes snowgate_text(const char *text);
bool snowgate_equal(snowgate_bytes left, snowgate_bytes right);
bool snowgate_starts_with(snowgate_bytes bytes, snowgate_bytes prefix);

// --- What a plugin is ---

// The columns a plugin reads. The others are not sent, and look as if no record had them.
enum {
    SNOWGATE_VALUES = 1 << 0,
    SNOWGATE_KEYS = 1 << 1,
    SNOWGATE_HEADERS = 1 << 2,
    SNOWGATE_OFFSETS = 1 << 3,
    SNOWGATE_TIMESTAMPS = 1 << 4,
};

// What becomes of a record.
typedef enum snowgate_verdict {
    // It goes on as it is. What was emitted is forgotten.
    SNOWGATE_KEEP = 0,
    // It goes no further. What was emitted is forgotten.
    SNOWGATE_DROP = 1,
    // What was emitted stands in for it; emitting more than once splits it.
    SNOWGATE_REPLACE = 2,
    // It becomes a dead letter: what `snowgate_reject` returns.
    SNOWGATE_REJECT = 3,
} snowgate_verdict;

typedef struct snowgate_record snowgate_record;

typedef struct snowgate_plugin {
    const char *name;
    const char *version;
    uint8_t needs;
    // Whether it sends records to tables with `snowgate_route_to`.
    bool routes;
    // A JSON Schema of its options, for tools, or NULL.
    const char *config_schema;
    // Takes the options, one JSON object, once for each instance; its bytes stay. Returns NULL, or what is wrong: which option, and what
    // it may be. NULL instead of a function when there are no options.
    const char *(*configure)(snowgate_bytes config);
    // Says what becomes of a record.
    snowgate_verdict (*transform)(snowgate_record *record);
} snowgate_plugin;

// The plugin; each has exactly one.
extern const snowgate_plugin snowgate_this;

// --- A record ---

// NULL for a tombstone.
snowgate_bytes snowgate_value(const snowgate_record *record);
snowgate_bytes snowgate_key(const snowgate_record *record);
snowgate_bytes snowgate_topic(const snowgate_record *record);
int32_t snowgate_partition(const snowgate_record *record);
// -1 when offsets were not asked for.
int64_t snowgate_offset(const snowgate_record *record);
// Milliseconds since 1970, or -1.
int64_t snowgate_timestamp(const snowgate_record *record);

size_t snowgate_header_count(const snowgate_record *record);
snowgate_bytes snowgate_header_name(const snowgate_record *record, size_t index);
snowgate_bytes snowgate_header_value(const snowgate_record *record, size_t index);
// The value of the first header of that name.
snowgate_bytes snowgate_header(const snowgate_record *record, const char *name);

// --- What stands in for it ---

// Adds to the output that is being written.
void snowgate_write(snowgate_record *record, snowgate_bytes bytes);
void snowgate_write_text(snowgate_record *record, const char *text);
// The same as a JSON string, quotes and escapes and all.
void snowgate_write_string(snowgate_record *record, snowgate_bytes text);
void snowgate_write_int(snowgate_record *record, int64_t number);

// Ends the output, which keeps the record's key.
void snowgate_emit(snowgate_record *record);
// Ends the output and gives it this key. A plugin that does so for some outputs and not for others must need the keys.
void snowgate_emit_keyed(snowgate_record *record, snowgate_bytes key);
// Adds an output without a value.
void snowgate_emit_tombstone(snowgate_record *record);

// Sends the record to `table`, whether it is kept or replaced; all of its outputs go there. The last call counts. The plugin's `routes` must
// be true. `table` is one of the pipeline's `more_tables`, named as Snowflake names it; a record that is sent to another is rejected. The
// name is UTF-8, and its bytes need not stay.
void snowgate_route_to(snowgate_record *record, snowgate_bytes table);

// Rejects the record with a message for whoever reads the dead letter.
snowgate_verdict snowgate_reject(snowgate_record *record, const char *message);

// --- JSON, without parsing all of it ---

// The value at a path such as `data.s`, as it stands there: a string with its quotes. NULL when it is not there, also when `json` is no
// object. False when `json` is broken before the value is found; what comes behind it is not looked at.
bool snowgate_json_get(snowgate_bytes json, const char *path, snowgate_bytes *found);

// Steps through an object or an array:
//
//     snowgate_json_iter members = snowgate_json_members(json);
//     while (snowgate_json_next(&members)) { … members.name … members.value … }
//     if (members.broken) …
typedef struct snowgate_json_iter {
    // The member's name as it stands there, with its quotes; NULL in an array.
    snowgate_bytes name;
    snowgate_bytes value;
    // It ended because the JSON is broken, or neither an object nor an array.
    bool broken;
    const uint8_t *at, *end;
    uint8_t closes;
    bool first;
} snowgate_json_iter;

snowgate_json_iter snowgate_json_members(snowgate_bytes json);
bool snowgate_json_next(snowgate_json_iter *iter);

// A JSON string's text. False when `json` is no string. Where it has escapes the text is written anew, and stays until the batch ends or,
// from `configure`, for good.
bool snowgate_json_text(snowgate_bytes json, snowgate_bytes *text);
// A JSON number. False when `json` is none, has a fraction or an exponent, or is too large.
bool snowgate_json_int(snowgate_bytes json, int64_t *number);

// --- The gateway ---

// The pipeline's `more_tables`, named as Snowflake names them, from `configure` on.
size_t snowgate_table_count(void);
snowgate_bytes snowgate_table(size_t index);

typedef enum snowgate_level { SNOWGATE_TRACE, SNOWGATE_DEBUG, SNOWGATE_INFO, SNOWGATE_WARN, SNOWGATE_ERROR } snowgate_level;

// A line for the gateway's log, under the plugin's name. Do not log records.
void snowgate_log(snowgate_level level, const char *line);

// A counter among the gateway's metrics:
//
//     static snowgate_counter unknown = SNOWGATE_COUNTER("symbols_unknown");
//     snowgate_count(&unknown, 1);
//
// The gateway hears of it once for each batch. A name has small letters, digits and `_`.
typedef struct snowgate_counter {
    const char *name;
    uint64_t n;
    struct snowgate_counter *next;
    bool known;
} snowgate_counter;

#define SNOWGATE_COUNTER(text) {.name = text}

void snowgate_count(snowgate_counter *counter, uint64_t n);

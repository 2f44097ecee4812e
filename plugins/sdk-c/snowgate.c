// Carries a plugin through a batch, over the bindings in generated/.
//
// Invariant: `values`, `sources` and, once a plugin has set any key, `keys` have the same number of items. `routes` ends with the last
// record that was sent to a table, and each of `tables` is the table of at least one.
#include "snowgate.h"

#include <stdlib.h>
#include <string.h>

#include "generated/plugin.h"
#include "memory.h"

typedef exports_snowgate_transform_transform_batch_t batch;
typedef exports_snowgate_transform_transform_column_t column;
typedef exports_snowgate_transform_transform_output_t output;

// The gateway reads no more of a message.
#define MESSAGE_BYTES 1024u

// A column that grows. `ends.len` is its number of items, `data.len` the bytes of those that ended and of the one being written.
typedef struct {
    column column;
    size_t data_room, ends_room, nulls_room;
} builder;

struct snowgate_record {
    const batch *batch;
    uint32_t index;
    // What this record's outputs begin with.
    size_t first;
    builder values, keys;
    plugin_list_u32_t sources;
    size_t sources_room;
    plugin_list_tuple2_u32_string_t failures;
    size_t failures_room;
    plugin_list_string_t tables;
    size_t tables_room;
    // How many of them the records before this one name.
    size_t named;
    plugin_list_u32_t routes;
    size_t routes_room;
};

static snowgate_counter *counters;
static plugin_list_string_t allowed_tables;
// How much the last batch put out, as a measure for the next one.
static size_t expected_bytes, expected_outputs;

// --- Bytes ---

snowgate_bytes snowgate_text(const char *text) { return (snowgate_bytes){(const uint8_t *)text, strlen(text)}; }

bool snowgate_equal(snowgate_bytes left, snowgate_bytes right) {
    if ((left.ptr == NULL) != (right.ptr == NULL) || left.len != right.len) return false;
    return left.len == 0 || memcmp(left.ptr, right.ptr, left.len) == 0;
}

bool snowgate_starts_with(snowgate_bytes bytes, snowgate_bytes prefix) {
    return bytes.len >= prefix.len && (prefix.len == 0 || memcmp(bytes.ptr, prefix.ptr, prefix.len) == 0);
}

// --- Columns ---

static snowgate_bytes item(const column *column, size_t index) {
    if (index >= column->ends.len) return SNOWGATE_NULL;
    if (index / 8 < column->nulls.len && (column->nulls.ptr[index / 8] & (1 << (index % 8))) != 0) return SNOWGATE_NULL;
    size_t start = index == 0 ? 0 : column->ends.ptr[index - 1];
    // An empty item may lie in an empty list; it is no null for that.
    static const uint8_t nothing;
    const uint8_t *data = column->data.ptr == NULL ? &nothing : column->data.ptr + start;
    return (snowgate_bytes){data, column->ends.ptr[index] - start};
}

static void append(builder *into, const void *bytes, size_t len) {
    // Nothing may be NULL, which no function of C's library takes.
    if (len == 0) return;
    plugin_list_u8_t *data = &into->column.data;
    data->ptr = snowgate_room(data->ptr, &into->data_room, data->len + len, 1);
    memcpy(data->ptr + data->len, bytes, len);
    data->len += len;
}

// Ends an item with what was appended since the last one.
static void finish(builder *into, bool is_null) {
    column *column = &into->column;
    size_t index = column->ends.len;
    column->ends.ptr = snowgate_room(column->ends.ptr, &into->ends_room, index + 1, sizeof(uint32_t));
    column->ends.ptr[index] = (uint32_t)column->data.len;
    column->ends.len = index + 1;
    if (!is_null && column->nulls.len == 0) return;
    size_t bytes = index / 8 + 1;
    column->nulls.ptr = snowgate_room(column->nulls.ptr, &into->nulls_room, bytes, 1);
    if (bytes > column->nulls.len) memset(column->nulls.ptr + column->nulls.len, 0, bytes - column->nulls.len);
    column->nulls.len = bytes;
    column->nulls.ptr[index / 8] |= (uint8_t)(is_null << (index % 8));
}

static void push(builder *into, snowgate_bytes bytes) {
    append(into, bytes.ptr, bytes.len);
    finish(into, bytes.ptr == NULL);
}

// Forgets the items from `items` on, and what was being written.
static void truncate(builder *built, size_t items) {
    column *column = &built->column;
    if (items < column->ends.len) column->ends.len = items;
    column->data.len = column->ends.len == 0 ? 0 : column->ends.ptr[column->ends.len - 1];
    size_t bytes = (column->ends.len + 7) / 8;
    if (column->nulls.len <= bytes && column->nulls.len != bytes) return;
    column->nulls.len = bytes < column->nulls.len ? bytes : column->nulls.len;
    if (column->nulls.len > 0 && column->ends.len % 8 != 0) column->nulls.ptr[bytes - 1] &= (uint8_t)((1 << (column->ends.len % 8)) - 1);
}

// --- A record ---

snowgate_bytes snowgate_value(const snowgate_record *record) { return item(&record->batch->values, record->index); }

snowgate_bytes snowgate_key(const snowgate_record *record) { return item(&record->batch->keys, record->index); }

snowgate_bytes snowgate_topic(const snowgate_record *record) {
    return (snowgate_bytes){record->batch->topic.ptr, record->batch->topic.len};
}

int32_t snowgate_partition(const snowgate_record *record) { return record->batch->partition; }

int64_t snowgate_offset(const snowgate_record *record) {
    return record->index < record->batch->offsets.len ? record->batch->offsets.ptr[record->index] : -1;
}

int64_t snowgate_timestamp(const snowgate_record *record) {
    return record->index < record->batch->timestamps.len ? record->batch->timestamps.ptr[record->index] : -1;
}

static size_t first_header(const snowgate_record *record) {
    return record->index == 0 || record->batch->headers.counts.len == 0 ? 0 : record->batch->headers.counts.ptr[record->index - 1];
}

size_t snowgate_header_count(const snowgate_record *record) {
    const plugin_list_u32_t *counts = &record->batch->headers.counts;
    return record->index < counts->len ? counts->ptr[record->index] - first_header(record) : 0;
}

snowgate_bytes snowgate_header_name(const snowgate_record *record, size_t index) {
    if (index >= snowgate_header_count(record)) return SNOWGATE_NULL;
    return item(&record->batch->headers.names, first_header(record) + index);
}

snowgate_bytes snowgate_header_value(const snowgate_record *record, size_t index) {
    if (index >= snowgate_header_count(record)) return SNOWGATE_NULL;
    return item(&record->batch->headers.values, first_header(record) + index);
}

snowgate_bytes snowgate_header(const snowgate_record *record, const char *name) {
    size_t count = snowgate_header_count(record);
    for (size_t i = 0; i < count; i++) {
        if (snowgate_equal(snowgate_header_name(record, i), snowgate_text(name))) return snowgate_header_value(record, i);
    }
    return SNOWGATE_NULL;
}

// --- What stands in for it ---

void snowgate_write(snowgate_record *record, snowgate_bytes bytes) { append(&record->values, bytes.ptr, bytes.len); }

void snowgate_write_text(snowgate_record *record, const char *text) { snowgate_write(record, snowgate_text(text)); }

void snowgate_write_string(snowgate_record *record, snowgate_bytes text) {
    static const char hex[] = "0123456789abcdef";
    snowgate_write_text(record, "\"");
    size_t written = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t byte = text.ptr[i];
        if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
        append(&record->values, text.ptr + written, i - written);
        written = i + 1;
        const char escape[] = {'\\', (char)byte, 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
        if (byte >= 0x20) {
            append(&record->values, escape, 2);
        } else {
            append(&record->values, escape, 1);
            append(&record->values, escape + 2, 5);
        }
    }
    append(&record->values, text.ptr + written, text.len - written);
    snowgate_write_text(record, "\"");
}

void snowgate_write_int(snowgate_record *record, int64_t number) {
    char digits[20];
    size_t at = sizeof digits;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0) digits[--at] = '-';
    append(&record->values, digits + at, sizeof digits - at);
}

static void add_source(snowgate_record *record) {
    plugin_list_u32_t *sources = &record->sources;
    sources->ptr = snowgate_room(sources->ptr, &record->sources_room, sources->len + 1, sizeof(uint32_t));
    sources->ptr[sources->len++] = record->index;
}

static void end_output(snowgate_record *record, bool is_null) {
    finish(&record->values, is_null);
    // As long as no output has a key of its own, all keep their records' by having none.
    if (record->keys.column.ends.len > 0) push(&record->keys, snowgate_key(record));
    add_source(record);
}

void snowgate_emit(snowgate_record *record) { end_output(record, false); }

void snowgate_emit_tombstone(snowgate_record *record) {
    truncate(&record->values, record->values.column.ends.len);
    end_output(record, true);
}

void snowgate_emit_keyed(snowgate_record *record, snowgate_bytes key) {
    while (record->keys.column.ends.len < record->sources.len) {
        push(&record->keys, item(&record->batch->keys, record->sources.ptr[record->keys.column.ends.len]));
    }
    push(&record->keys, key);
    finish(&record->values, false);
    add_source(record);
}

static void withdraw_route(snowgate_record *record) {
    while (record->tables.len > record->named) plugin_string_free(&record->tables.ptr[--record->tables.len]);
    if (record->routes.len > record->index) record->routes.len = record->index;
}

// Routes up to this record's, which may be missing.
static void pad_routes(snowgate_record *record) {
    plugin_list_u32_t *routes = &record->routes;
    routes->ptr = snowgate_room(routes->ptr, &record->routes_room, record->index + 1, sizeof(uint32_t));
    while (routes->len < record->index) routes->ptr[routes->len++] = 0;
}

void snowgate_route_to(snowgate_record *record, snowgate_bytes table) {
    withdraw_route(record);
    plugin_list_string_t *tables = &record->tables;
    size_t at = 0;
    while (at < tables->len && !snowgate_equal((snowgate_bytes){tables->ptr[at].ptr, tables->ptr[at].len}, table)) at++;
    if (at == tables->len) {
        tables->ptr = snowgate_room(tables->ptr, &record->tables_room, at + 1, sizeof *tables->ptr);
        plugin_string_dup_n(&tables->ptr[tables->len++], (const char *)table.ptr, table.len);
    }
    pad_routes(record);
    record->routes.ptr[record->routes.len++] = (uint32_t)at + 1;
}

static void withdraw(snowgate_record *record) {
    record->sources.len = record->first;
    truncate(&record->values, record->first);
    truncate(&record->keys, record->first);
}

snowgate_verdict snowgate_reject(snowgate_record *record, const char *message) {
    plugin_list_tuple2_u32_string_t *failures = &record->failures;
    // Only the last message of a record counts.
    if (failures->len > 0 && failures->ptr[failures->len - 1].f0 == record->index) plugin_string_free(&failures->ptr[--failures->len].f1);
    failures->ptr = snowgate_room(failures->ptr, &record->failures_room, failures->len + 1, sizeof *failures->ptr);
    size_t len = strlen(message);
    if (len > MESSAGE_BYTES) {
        len = MESSAGE_BYTES;
        while (len > 0 && ((uint8_t)message[len] & 0xc0) == 0x80) len--;
    }
    plugin_tuple2_u32_string_t *failure = &failures->ptr[failures->len++];
    failure->f0 = record->index;
    plugin_string_dup_n(&failure->f1, message, len);
    return SNOWGATE_REJECT;
}

// --- The gateway ---

size_t snowgate_table_count(void) { return allowed_tables.len; }

snowgate_bytes snowgate_table(size_t index) {
    if (index >= allowed_tables.len) return SNOWGATE_NULL;
    return (snowgate_bytes){allowed_tables.ptr[index].ptr, allowed_tables.ptr[index].len};
}

static plugin_string_t lent(const char *text) {
    plugin_string_t string;
    plugin_string_set(&string, text);
    return string;
}

void snowgate_log(snowgate_level level, const char *line) {
    plugin_string_t message = lent(line);
    snowgate_transform_log_write((snowgate_transform_log_level_t)level, &message);
}

void snowgate_count(snowgate_counter *counter, uint64_t n) {
    counter->n += n;
    if (counter->known) return;
    counter->known = true;
    counter->next = counters;
    counters = counter;
}

static void tell_counts(void) {
    for (snowgate_counter *counter = counters; counter != NULL; counter = counter->next) {
        if (counter->n == 0) continue;
        plugin_string_t name = lent(counter->name);
        snowgate_transform_metrics_add(&name, counter->n);
        counter->n = 0;
    }
}

// --- What the component exports ---

// The bindings ask for wit-bindgen's object file with the component's type, which `snowgate plugin build` takes from wit/ instead.
void __component_type_object_force_link_plugin(void);
void __component_type_object_force_link_plugin(void) {}

void exports_snowgate_transform_transform_describe(exports_snowgate_transform_transform_description_t *description) {
    // The bindings free what they are handed.
    plugin_string_dup(&description->name, snowgate_this.name);
    plugin_string_dup(&description->version, snowgate_this.version);
    description->needs = snowgate_this.needs;
    description->routes = snowgate_this.routes;
    description->config_schema.is_some = snowgate_this.config_schema != NULL;
    if (description->config_schema.is_some) plugin_string_dup(&description->config_schema.val, snowgate_this.config_schema);
}

bool exports_snowgate_transform_transform_configure(plugin_string_t *config, plugin_list_string_t *tables, plugin_string_t *error) {
    allowed_tables = *tables;
    snowgate_bytes options = {config->ptr, config->len};
    const char *wrong = NULL;
    if (snowgate_this.configure != NULL) {
        wrong = snowgate_this.configure(options);
    } else {
        snowgate_json_iter members = snowgate_json_members(options);
        if (snowgate_json_next(&members)) wrong = "there are no options";
    }
    snowgate_keep_texts();
    if (wrong == NULL) return true;
    plugin_string_dup(error, wrong);
    return false;
}

bool exports_snowgate_transform_transform_process(batch *input, output *answer, plugin_string_t *error) {
    (void)error;
    snowgate_record record = {.batch = input};
    uint8_t *verdicts = snowgate_allocate(input->count);
    record.values.column.data.ptr = snowgate_room(NULL, &record.values.data_room, expected_bytes, 1);
    record.values.column.ends.ptr = snowgate_room(NULL, &record.values.ends_room, expected_outputs, sizeof(uint32_t));
    record.sources.ptr = snowgate_room(NULL, &record.sources_room, expected_outputs, sizeof(uint32_t));
    for (; record.index < input->count; record.index++) {
        record.first = record.sources.len;
        record.named = record.tables.len;
        snowgate_verdict verdict = snowgate_this.transform(&record);
        if (verdict == SNOWGATE_REPLACE && record.sources.len == record.first) {
            verdict = snowgate_reject(&record, "the plugin replaced the record by nothing");
        }
        if (verdict != SNOWGATE_REPLACE) {
            withdraw(&record);
        } else {
            // What was written and not emitted.
            truncate(&record.values, record.values.column.ends.len);
        }
        if (verdict == SNOWGATE_DROP || verdict == SNOWGATE_REJECT) withdraw_route(&record);
        if (verdict != SNOWGATE_REJECT && record.failures.len > 0 && record.failures.ptr[record.failures.len - 1].f0 == record.index) {
            plugin_string_free(&record.failures.ptr[--record.failures.len].f1);
        }
        verdicts[record.index] = (uint8_t)verdict;
    }
    // The index is behind the last record.
    if (record.routes.len > 0) pad_routes(&record);
    *answer = (output){
        .verdicts = {verdicts, input->count},
        .sources = record.sources,
        .values = record.values.column,
        .keys = record.keys.column,
        .failures = record.failures,
        .tables = record.tables,
        .routes = record.routes,
    };
    // No more than this time: a block of that size is free again, and a larger one may not be to be had.
    size_t more = answer->values.data.len + answer->values.data.len / 8;
    expected_bytes = more < record.values.data_room ? more : record.values.data_room;
    expected_outputs = answer->sources.len;
    // A list without items is not freed by the bindings.
    snowgate_free_empty(answer->sources.len, answer->sources.ptr);
    snowgate_free_empty(answer->values.data.len, answer->values.data.ptr);
    snowgate_free_empty(answer->values.ends.len, answer->values.ends.ptr);
    snowgate_free_empty(answer->values.nulls.len, answer->values.nulls.ptr);
    snowgate_free_empty(answer->keys.data.len, answer->keys.data.ptr);
    snowgate_free_empty(answer->keys.ends.len, answer->keys.ends.ptr);
    snowgate_free_empty(answer->keys.nulls.len, answer->keys.nulls.ptr);
    snowgate_free_empty(answer->failures.len, answer->failures.ptr);
    snowgate_free_empty(answer->tables.len, answer->tables.ptr);
    snowgate_free_empty(answer->routes.len, answer->routes.ptr);
    tell_counts();
    snowgate_forget_texts();
    exports_snowgate_transform_transform_batch_free(input);
    return true;
}

// Lets only the records pass whose symbol begins with one of the prefixes.
#include "snowgate.h"

#define PREFIXES 64

static snowgate_bytes prefixes[PREFIXES];
static size_t count;
static snowgate_counter missing = SNOWGATE_COUNTER("symbols_missing");

// Once for each instance. What it returns stops the gateway at start.
static const char *configure(snowgate_bytes config) {
    snowgate_json_iter options = snowgate_json_members(config);
    while (snowgate_json_next(&options)) {
        if (!snowgate_equal(options.name, snowgate_text("\"prefixes\""))) return "unknown option, there is `prefixes`";
        snowgate_json_iter items = snowgate_json_members(options.value);
        while (snowgate_json_next(&items)) {
            if (count == PREFIXES) return "`prefixes` has more than 64 texts";
            if (!snowgate_json_text(items.value, &prefixes[count++])) return "`prefixes` has something that is no text";
        }
        if (items.broken) return "`prefixes` is a list of texts";
    }
    return count > 0 ? NULL : "`prefixes` is missing: what the symbols that pass begin with";
}

// Once for each record.
static snowgate_verdict transform(snowgate_record *record) {
    snowgate_bytes value = snowgate_value(record), found, symbol;
    if (value.ptr == NULL) return SNOWGATE_KEEP;
    if (!snowgate_json_get(value, "symbol", &found)) return snowgate_reject(record, "the value is no JSON");
    if (!snowgate_json_text(found, &symbol)) {
        snowgate_count(&missing, 1);
        return snowgate_reject(record, "the record has no symbol");
    }
    for (size_t i = 0; i < count; i++) {
        if (snowgate_starts_with(symbol, prefixes[i])) return SNOWGATE_KEEP;
    }
    return SNOWGATE_DROP;
}

const snowgate_plugin snowgate_this = {
    .name = "my-plugin",
    .version = "0.1.0",
    .needs = SNOWGATE_VALUES,
    .config_schema = "{\"type\":\"object\",\"properties\":{\"prefixes\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},"
                     "\"description\":\"What the symbols that pass begin with.\",\"minItems\":1,\"maxItems\":64}},"
                     "\"required\":[\"prefixes\"],\"additionalProperties\":false}",
    .configure = configure,
    .transform = transform,
};

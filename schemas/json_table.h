// A verified table as JSON text, and a JSON value as a buffer. Internal to schemas; for .cc files.
#pragma once

#include <flatbuffers/flatbuffers.h>
#include <flatbuffers/minireflect.h>

#include <string>

#include "schemas/json_value.h"
#include "schemas/result.h"

namespace solo::schemas {

/// Every field of the type in schema order: what is not set as its default, text as "", a vector as [], but a table or
/// union that is not set is left out. Bytes that are not UTF-8 become U+FFFD.
void write_json(std::string& out, const flatbuffers::Table* table, const flatbuffers::TypeTable* type);

/// Builds a table of that type; the caller finishes the buffer. invalid_argument names the field by its path;
/// unimplemented: a union's type this build does not know. `null` stands for a field that is not given.
Result<flatbuffers::Offset<flatbuffers::Table>> build_table(flatbuffers::FlatBufferBuilder& builder,
                                                            const JsonValue& json, const flatbuffers::TypeTable* type);

}  // namespace solo::schemas

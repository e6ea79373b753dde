// The checks of untrusted bytes that FlatBuffers' verifier does not make. Internal to schemas.
#pragma once

#include <cstddef>

#include "schemas/result.h"

namespace flatbuffers {
class Table;
struct TypeTable;
}  // namespace flatbuffers

namespace solo::schemas {

/// A request with a value this build does not know asks for something it cannot do; an event or a reply may come from
/// a newer build, and who reads it decides.
enum class EnumRule { take_unknown, refuse_unknown };

/// Of a table that has passed the verifier in a buffer of `size` bytes. invalid_argument: a string is not UTF-8; a
/// union's tag without value or value without tag; a vector element that is not there; parts shared so often that
/// unpacking would take far more memory than the buffer. unimplemented: a union's tag this build does not know. The
/// message names the field.
Result<void> check_tree(const flatbuffers::Table* root, const flatbuffers::TypeTable* type, std::size_t size,
                        EnumRule enums);

}  // namespace solo::schemas

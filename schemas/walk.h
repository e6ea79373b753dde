// Reading any verified table through the generated description of its type (flatc --reflect-types), field by field in
// schema order. Internal to schemas; for .cc files.
//
// What the schemas may use is bounded on purpose, and tests/golden checks it: tables, enums, unions of tables, strings,
// integers and bool, and vectors of these but for unions; every default is zero. So "absent" and "zero" are one.
#pragma once

#include <flatbuffers/flatbuffers.h>
#include <flatbuffers/minireflect.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace solo::schemas {

/// One field of a table, set or not.
struct FieldView {
  std::uint16_t id = 0;
  const char* name = nullptr;
  flatbuffers::ElementaryType type = flatbuffers::ET_BOOL;
  bool is_vector = false;
  /// Of a table, union or enum; for a union's tag and value that of the union.
  const flatbuffers::TypeTable* ref = nullptr;
  /// Where the value (or the offset to it) stands; null: not set.
  const std::uint8_t* data = nullptr;
  /// Of a union's value: its tag.
  std::uint8_t tag = 0;
};

inline FieldView field_type(const flatbuffers::TypeTable* type, std::size_t index) {
  const flatbuffers::TypeCode code = type->type_codes[index];
  FieldView field;
  field.id = static_cast<std::uint16_t>(index);
  field.name = type->names[index];
  field.type = static_cast<flatbuffers::ElementaryType>(code.base_type);
  field.is_vector = code.is_repeating != 0;
  field.ref = code.sequence_ref >= 0 ? type->type_refs[code.sequence_ref]() : nullptr;
  return field;
}

/// Calls visit(FieldView) for every field of the type until it returns false; false then, too.
template <class Visit>
bool for_each_field(const flatbuffers::Table* table, const flatbuffers::TypeTable* type, Visit&& visit) {
  std::uint8_t tag = 0;
  for (std::size_t index = 0; index < type->num_elems; ++index) {
    FieldView field = field_type(type, index);
    field.data = table->GetAddressOf(flatbuffers::FieldIndexToOffset(field.id));
    field.tag = tag;
    if (!visit(field)) return false;
    tag = field.type == flatbuffers::ET_UTYPE && field.data != nullptr ? *field.data : 0;
  }
  return true;
}

inline const std::uint8_t* follow(const std::uint8_t* offset) {
  return offset + flatbuffers::ReadScalar<flatbuffers::uoffset_t>(offset);
}
inline const flatbuffers::Table* table_at(const std::uint8_t* offset) {
  return reinterpret_cast<const flatbuffers::Table*>(follow(offset));
}
inline std::string_view string_at(const std::uint8_t* offset) {
  const std::uint8_t* text = follow(offset);
  return {reinterpret_cast<const char*>(text) + sizeof(flatbuffers::uoffset_t),
          flatbuffers::ReadScalar<flatbuffers::uoffset_t>(text)};
}

struct VectorView {
  std::size_t size = 0;
  const std::uint8_t* first = nullptr;
};
inline VectorView vector_at(const std::uint8_t* offset) {
  const std::uint8_t* vector = follow(offset);
  return {flatbuffers::ReadScalar<flatbuffers::uoffset_t>(vector), vector + sizeof(flatbuffers::uoffset_t)};
}

inline bool is_union(const FieldView& field) {
  return field.type == flatbuffers::ET_SEQUENCE && field.ref->st == flatbuffers::ST_UNION;
}

/// The table a union's tag stands for; null for NONE and for a tag this build does not know.
inline const flatbuffers::TypeTable* union_member(const flatbuffers::TypeTable* type, std::uint8_t tag) {
  const std::int64_t index = flatbuffers::LookupEnum(tag, type->values, type->num_elems);
  if (index < 0 || index >= static_cast<std::int64_t>(type->num_elems)) return nullptr;
  const std::int16_t ref = type->type_codes[index].sequence_ref;
  return ref >= 0 ? type->type_refs[ref]() : nullptr;
}

/// Any integer type, sign-extended; unsigned 64-bit values keep their bits.
inline std::uint64_t integer_at(flatbuffers::ElementaryType type, const std::uint8_t* data) {
  using flatbuffers::ReadScalar;
  switch (type) {
    case flatbuffers::ET_CHAR:
      return static_cast<std::uint64_t>(ReadScalar<std::int8_t>(data));
    case flatbuffers::ET_SHORT:
      return static_cast<std::uint64_t>(ReadScalar<std::int16_t>(data));
    case flatbuffers::ET_USHORT:
      return ReadScalar<std::uint16_t>(data);
    case flatbuffers::ET_INT:
      return static_cast<std::uint64_t>(ReadScalar<std::int32_t>(data));
    case flatbuffers::ET_UINT:
      return ReadScalar<std::uint32_t>(data);
    case flatbuffers::ET_LONG:
    case flatbuffers::ET_ULONG:
      return ReadScalar<std::uint64_t>(data);
    default:
      return *data;
  }
}

inline bool is_signed(flatbuffers::ElementaryType type) {
  return type == flatbuffers::ET_CHAR || type == flatbuffers::ET_SHORT || type == flatbuffers::ET_INT ||
         type == flatbuffers::ET_LONG;
}

/// Where one is, as `body.spec.env[3].name`. Lives on the stack of the walk.
struct Path {
  const Path* parent = nullptr;
  std::string_view name = {};
  std::ptrdiff_t index = -1;

  std::string str() const {
    std::string out = parent != nullptr ? parent->str() : std::string();
    if (index >= 0) return out + "[" + std::to_string(index) + "]";
    if (!out.empty()) out += '.';
    return out += name;
  }
};

}  // namespace solo::schemas

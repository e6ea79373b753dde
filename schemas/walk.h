// Reading any verified table through the generated description of its type (flatc --reflect-types), field by field in
// schema order. Internal to schemas; for .cc files.
//
// What the schemas may use is bounded on purpose, and tests/golden checks it: tables, enums, unions of tables, strings,
// integers and bool, and vectors of these but for unions; every default is zero. So "absent" and "zero" are one.
#pragma once

#include <flatbuffers/flatbuffers.h>
#include <flatbuffers/minireflect.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace solo::schemas {

/// One field of a table, set or not.
struct FieldView {
  const flatbuffers::TypeTable* owner = nullptr;
  std::uint16_t id = 0;
  flatbuffers::ElementaryType type = flatbuffers::ET_BOOL;
  bool is_vector = false;
  /// Of a union's value: its tag.
  std::uint8_t tag = 0;
  std::int16_t ref_index = -1;
  /// Where the value (or the offset to it) stands; null: not set.
  const std::uint8_t* data = nullptr;

  const char* name() const { return owner->names[id]; }
  /// Of a table, union or enum, else null; for a union's tag and value that of the union.
  const flatbuffers::TypeTable* ref() const { return ref_index >= 0 ? owner->type_refs[ref_index]() : nullptr; }
  bool by_offset() const { return is_vector || type == flatbuffers::ET_STRING || type == flatbuffers::ET_SEQUENCE; }
  bool is_union() const { return type == flatbuffers::ET_SEQUENCE && ref()->st == flatbuffers::ST_UNION; }
  /// Bytes of one value, or of the offset to it.
  std::size_t width() const;
};

inline FieldView field_of(const flatbuffers::TypeTable* type, std::size_t index) {
  const flatbuffers::TypeCode code = type->type_codes[index];
  FieldView field;
  field.owner = type;
  field.id = static_cast<std::uint16_t>(index);
  field.type = static_cast<flatbuffers::ElementaryType>(code.base_type);
  field.is_vector = code.is_repeating != 0;
  field.ref_index = code.sequence_ref;
  return field;
}

inline std::size_t FieldView::width() const {
  switch (type) {
    case flatbuffers::ET_UTYPE:
    case flatbuffers::ET_BOOL:
    case flatbuffers::ET_CHAR:
    case flatbuffers::ET_UCHAR:
      return 1;
    case flatbuffers::ET_SHORT:
    case flatbuffers::ET_USHORT:
      return 2;
    case flatbuffers::ET_LONG:
    case flatbuffers::ET_ULONG:
      return 8;
    default:
      return 4;
  }
}

/// Calls visit(FieldView) for every field of the type that is set, until it returns false; false then, too.
template <class Visit>
bool for_each_set_field(const flatbuffers::Table* table, const flatbuffers::TypeTable* type, Visit&& visit) {
  using flatbuffers::ReadScalar;
  using flatbuffers::voffset_t;
  // The vtable: its own size, the table's, then one offset a field, 0 for one that is not set. An older writer's is
  // shorter than the type, a newer one's longer.
  const auto* start = reinterpret_cast<const std::uint8_t*>(table);
  const std::uint8_t* vtable = table->GetVTable();
  const std::size_t slots = ReadScalar<voffset_t>(vtable) / sizeof(voffset_t);
  const std::size_t count = slots > 2 ? std::min(slots - 2, type->num_elems) : 0;
  std::uint8_t tag = 0;
  for (std::size_t index = 0; index < count; ++index) {
    const auto offset = ReadScalar<voffset_t>(vtable + flatbuffers::FieldIndexToOffset(static_cast<voffset_t>(index)));
    if (offset != 0) {
      FieldView field = field_of(type, index);
      field.data = start + offset;
      field.tag = tag;
      if (!visit(static_cast<const FieldView&>(field))) return false;
    }
    tag = offset != 0 && type->type_codes[index].base_type == flatbuffers::ET_UTYPE ? start[offset] : 0;
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

/// The table a union's tag stands for; null for NONE and for a tag this build does not know.
inline const flatbuffers::TypeTable* union_member(const flatbuffers::TypeTable* type, std::uint8_t tag) {
  const std::int64_t index = flatbuffers::LookupEnum(tag, type->values, type->num_elems);
  if (index < 0 || index >= static_cast<std::int64_t>(type->num_elems)) return nullptr;
  const std::int16_t ref = type->type_codes[index].sequence_ref;
  return ref >= 0 ? type->type_refs[ref]() : nullptr;
}

/// Any integer type, sign-extended; unsigned 64-bit values keep their bits. A bool is 0 or 1, whatever byte stands
/// there.
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
    case flatbuffers::ET_BOOL:
      return *data != 0 ? 1 : 0;
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
  const char* name = nullptr;
  std::ptrdiff_t index = -1;

  std::string str() const {
    std::string out = parent != nullptr ? parent->str() : std::string();
    if (name == nullptr && index < 0) return out;
    if (index >= 0) return out + "[" + std::to_string(index) + "]";
    if (!out.empty()) out += '.';
    return out += name;
  }
};

}  // namespace solo::schemas

// Values for any table of the schemas, made from its generated type: so that a new field or table is in every test
// that goes over all of them, without a word about it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <limits>
#include <random>
#include <string>

#include "schemas/json_value.h"
#include "schemas/walk.h"

namespace solo::test {

/// The same seed makes the same values, on any machine.
class AnyTable {
 public:
  enum class Fill { every_field, some_fields };

  AnyTable(std::uint64_t seed, Fill fill) : random_(seed), fill_(fill) {}

  /// As JSON: enums as their numbers, union tags by name, integers over the whole of their range but never zero.
  schemas::JsonValue table(const flatbuffers::TypeTable* type) {
    schemas::JsonValue::Object object;
    for (std::size_t index = 0; index < type->num_elems; ++index) {
      const schemas::FieldView field = schemas::field_of(type, index);
      if (fill_ == Fill::some_fields && !mandatory(field) && below(3) == 0) continue;
      add(object, field.name(), field.is_vector ? vector(field) : value(field, object));
    }
    return {std::move(object)};
  }

  /// The same, but of a chosen member for each union.
  schemas::JsonValue table(const flatbuffers::TypeTable* type, std::string member) {
    member_ = std::move(member);
    return table(type);
  }

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

 private:
  // A tag without its value, or the other way round, is no table.
  static bool mandatory(const schemas::FieldView& field) {
    return field.type == flatbuffers::ET_UTYPE || field.is_union();
  }

  static void add(schemas::JsonValue::Object& object, const char* name, schemas::JsonValue value) {
    object.names.emplace_back(name);
    object.values.push_back(std::move(value));
  }

  schemas::JsonValue vector(const schemas::FieldView& field) {
    schemas::JsonValue::Array array;
    const std::uint64_t size = fill_ == Fill::every_field ? 2 : below(4);
    while (array.size() < size) array.push_back(value(field, {}));
    return {std::move(array)};
  }

  schemas::JsonValue value(const schemas::FieldView& field, const schemas::JsonValue::Object& before) {
    switch (field.type) {
      case flatbuffers::ET_STRING:
        return {text()};
      case flatbuffers::ET_SEQUENCE:
        return table(field.is_union() ? chosen(field.ref(), before) : field.ref());
      case flatbuffers::ET_UTYPE:
        return {tag(field.ref())};
      case flatbuffers::ET_BOOL:
        return {true};
      default:
        return field.ref_index >= 0 ? enumerator(field.ref()) : integer(field);
    }
  }

  std::string tag(const flatbuffers::TypeTable* type) {
    return has_member(type) ? member_ : type->names[1 + below(type->num_elems - 1)];
  }

  // A union within a member is another one.
  bool has_member(const flatbuffers::TypeTable* type) const {
    return std::any_of(type->names, type->names + type->num_elems,
                       [this](const char* name) { return member_ == name; });
  }

  static const flatbuffers::TypeTable* chosen(const flatbuffers::TypeTable* type,
                                              const schemas::JsonValue::Object& before) {
    const auto& name = std::get<std::string>(before.values.back().held);
    for (std::size_t index = 1; index < type->num_elems; ++index) {
      if (name == type->names[index]) return type->type_refs[type->type_codes[index].sequence_ref]();
    }
    return nullptr;
  }

  schemas::JsonValue enumerator(const flatbuffers::TypeTable* type) {
    const std::uint64_t index = 1 + below(type->num_elems - 1);
    return {type->values != nullptr ? static_cast<std::uint64_t>(type->values[index]) : index};
  }

  schemas::JsonValue integer(const schemas::FieldView& field) {
    const unsigned bits = static_cast<unsigned>(field.width()) * 8;
    if (schemas::is_signed(field.type)) {
      const std::uint64_t high = (std::uint64_t{1} << (bits - 1)) - 1;
      const auto number = static_cast<std::int64_t>(1 + below(high));
      if (below(2) == 0) return {-number};
      return {static_cast<std::uint64_t>(number)};
    }
    const std::uint64_t high = std::numeric_limits<std::uint64_t>::max() >> (64 - bits);
    return {1 + below(high)};
  }

  std::string text() {
    static const char* const kParts[] = {"a", "Z", "0", "-", " ", "\"", "\\", "\n", "\x1b", "/", "é", "漢", "🐟"};
    std::string out(fill_ == Fill::every_field ? "t" : "");
    for (std::uint64_t left = below(12); left > 0; --left) out += kParts[below(std::size(kParts))];
    return out;
  }

  std::mt19937_64 random_;
  Fill fill_;
  std::string member_;
};

}  // namespace solo::test

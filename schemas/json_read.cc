#include <algorithm>
#include <limits>
#include <optional>

#include "schemas/json_table.h"
#include "schemas/text.h"
#include "schemas/walk.h"

namespace solo::schemas {
namespace {

using flatbuffers::ElementaryType;
using flatbuffers::Offset;
using flatbuffers::Table;
using flatbuffers::TypeTable;

tl::unexpected<Error> refuse(const Path& path, std::string_view why, std::string hint = {}) {
  const std::string where = path.str();
  return fail(ErrorCode::invalid_argument, (where.empty() ? "the JSON" : where) + ": " + std::string(why),
              std::move(hint));
}

std::string names_of(const TypeTable* type, std::size_t from) {
  std::string names;
  for (std::size_t index = from; index < type->num_elems; ++index) {
    names += (names.empty() ? "" : ", ") + std::string(type->names[index]);
  }
  return names;
}

std::optional<std::int64_t> value_of_name(const TypeTable* type, std::string_view name) {
  for (std::size_t index = 0; index < type->num_elems; ++index) {
    if (name == type->names[index])
      return type->values != nullptr ? type->values[index] : static_cast<std::int64_t>(index);
  }
  return std::nullopt;
}

struct Range {
  std::int64_t low;
  std::uint64_t high;
};

template <class Number>
constexpr Range range_of() {
  return {static_cast<std::int64_t>(std::numeric_limits<Number>::min()),
          static_cast<std::uint64_t>(std::numeric_limits<Number>::max())};
}

Range range_of(ElementaryType type) {
  switch (type) {
    case flatbuffers::ET_CHAR:
      return range_of<std::int8_t>();
    case flatbuffers::ET_SHORT:
      return range_of<std::int16_t>();
    case flatbuffers::ET_USHORT:
      return range_of<std::uint16_t>();
    case flatbuffers::ET_INT:
      return range_of<std::int32_t>();
    case flatbuffers::ET_UINT:
      return range_of<std::uint32_t>();
    case flatbuffers::ET_LONG:
      return range_of<std::int64_t>();
    case flatbuffers::ET_ULONG:
      return range_of<std::uint64_t>();
    default:
      return range_of<std::uint8_t>();
  }
}

// A field's value before the table is begun: FlatBuffers are written leaves first.
struct Built {
  FieldView field;
  std::uint64_t bits = 0;
  Offset<void> offset;
};

class Reader {
 public:
  explicit Reader(flatbuffers::FlatBufferBuilder& builder) : builder_(builder) {}

  Result<Offset<Table>> table(const JsonValue& json, const TypeTable* type, const Path& path) {
    const auto* object = std::get_if<JsonValue::Object>(&json.held);
    if (object == nullptr) return refuse(path, "is not an object");
    if (auto known = check_names(*object, type, path); !known) return fail(known.error());
    std::vector<Built> fields;
    for (std::size_t index = 0; index < type->num_elems; ++index) {
      Built built{field_of(type, index), 0, {}};
      const Path here{&path, built.field.name()};
      const JsonValue* value = find(*object, built.field.name());
      if (built.field.is_union()) {
        built.field.tag = tag_before(fields, index);
        if (auto fits = check_union(built.field, value, here); !fits) return fail(fits.error());
      }
      if (value == nullptr) continue;
      if (auto done = read(built, *value, here); !done) return fail(done.error());
      fields.push_back(built);
    }
    return write(fields);
  }

 private:
  static Result<void> check_names(const JsonValue::Object& object, const TypeTable* type, const Path& path) {
    for (const std::string& name : object.names) {
      const bool known =
          std::any_of(type->names, type->names + type->num_elems, [&name](const char* field) { return name == field; });
      // The name may be anything: quoted, it cannot spoil the message.
      if (!known) {
        return refuse(path, "unknown field " + quote(name),
                      type->num_elems == 0 ? "no fields are known here" : "known are " + names_of(type, 0));
      }
    }
    return {};
  }

  // The field's value; null in JSON is the same as not given.
  static const JsonValue* find(const JsonValue::Object& object, std::string_view name) {
    const auto found = std::find(object.names.begin(), object.names.end(), name);
    if (found == object.names.end()) return nullptr;
    const JsonValue& value = object.values[static_cast<std::size_t>(found - object.names.begin())];
    return std::holds_alternative<std::nullptr_t>(value.held) ? nullptr : &value;
  }

  static std::uint8_t tag_before(const std::vector<Built>& fields, std::size_t index) {
    const bool given = !fields.empty() && fields.back().field.id + 1U == index;
    return given ? static_cast<std::uint8_t>(fields.back().bits) : 0;
  }

  static Result<void> check_union(const FieldView& field, const JsonValue* value, const Path& path) {
    if (field.tag == 0 && value != nullptr) {
      return refuse(path, "its type is not given",
                    "set " + std::string(field.name()) + "_type to one of " + names_of(field.ref(), 1));
    }
    if (field.tag != 0 && value == nullptr) {
      return refuse(path, "is not given, though " + std::string(field.name()) + "_type is", "at least {}");
    }
    return {};
  }

  Result<void> read(Built& built, const JsonValue& json, const Path& path) {
    if (built.field.is_vector) return vector(built, json, path);
    return value(built, json, path);
  }

  Result<void> value(Built& built, const JsonValue& json, const Path& path) {
    const FieldView& field = built.field;
    if (field.type == flatbuffers::ET_STRING) {
      const auto* text = std::get_if<std::string>(&json.held);
      if (text == nullptr) return refuse(path, "is not a string");
      built.offset = builder_.CreateString(*text).Union();
      return {};
    }
    if (field.type == flatbuffers::ET_SEQUENCE) {
      auto made = table(json, field.is_union() ? union_member(field.ref(), field.tag) : field.ref(), path);
      if (!made) return fail(made.error());
      built.offset = made->Union();
      return {};
    }
    return scalar(built, json, path);
  }

  static Result<void> scalar(Built& built, const JsonValue& json, const Path& path) {
    const FieldView& field = built.field;
    if (field.type == flatbuffers::ET_BOOL) {
      const auto* truth = std::get_if<bool>(&json.held);
      if (truth == nullptr) return refuse(path, "is not true or false");
      built.bits = *truth ? 1 : 0;
      return {};
    }
    if (const auto* name = std::get_if<std::string>(&json.held); name != nullptr && field.ref_index >= 0) {
      return named(built, *name, path);
    }
    // A union's first name is that of none.
    if (field.type == flatbuffers::ET_UTYPE) return refuse(path, "is not one of " + names_of(field.ref(), 1));
    return integer(built, json, path);
  }

  static Result<void> named(Built& built, const std::string& name, const Path& path) {
    const auto number = value_of_name(built.field.ref(), name);
    if (!number) {
      const std::size_t first = built.field.type == flatbuffers::ET_UTYPE ? 1 : 0;
      Error error = refuse(path, quote(name) + " is not known", "one of " + names_of(built.field.ref(), first)).value();
      if (built.field.type == flatbuffers::ET_UTYPE) error.code = ErrorCode::unimplemented;
      return fail(std::move(error));
    }
    built.bits = static_cast<std::uint64_t>(*number);
    return {};
  }

  static Result<void> integer(Built& built, const JsonValue& json, const Path& path) {
    const Range range = range_of(built.field.type);
    if (const auto* number = std::get_if<std::uint64_t>(&json.held)) {
      if (*number > range.high) return refuse(path, "is too large a number: " + std::to_string(*number));
      built.bits = *number;
      return {};
    }
    if (const auto* number = std::get_if<std::int64_t>(&json.held)) {
      if (*number < range.low || (*number > 0 && static_cast<std::uint64_t>(*number) > range.high)) {
        return refuse(path, "is out of range: " + std::to_string(*number));
      }
      built.bits = static_cast<std::uint64_t>(*number);
      return {};
    }
    const bool unfit = std::holds_alternative<JsonValue::Unfit>(json.held);
    if (built.field.ref_index >= 0) return refuse(path, "is not one of " + names_of(built.field.ref(), 0));
    return refuse(path, unfit ? "is not an integer, or too large for one" : "is not an integer");
  }

  Result<void> vector(Built& built, const JsonValue& json, const Path& path) {
    const auto* array = std::get_if<JsonValue::Array>(&json.held);
    if (array == nullptr) return refuse(path, "is not an array");
    std::vector<Built> elements;
    elements.reserve(array->size());
    for (std::size_t index = 0; index < array->size(); ++index) {
      Built& element = elements.emplace_back(Built{built.field, 0, {}});
      const Path here{&path, nullptr, static_cast<std::ptrdiff_t>(index)};
      if (auto done = value(element, (*array)[index], here); !done) return done;
    }
    const std::size_t width = built.field.width();
    builder_.StartVector(elements.size(), width);
    for (auto element = elements.rbegin(); element != elements.rend(); ++element) push(*element);
    built.offset = Offset<void>(builder_.EndVector(elements.size()));
    return {};
  }

  void push(const Built& element) {
    if (element.field.type == flatbuffers::ET_STRING || element.field.type == flatbuffers::ET_SEQUENCE) {
      builder_.PushElement(element.offset);
      return;
    }
    switch (element.field.width()) {
      case 1:
        builder_.PushElement(static_cast<std::uint8_t>(element.bits));
        return;
      case 2:
        builder_.PushElement(static_cast<std::uint16_t>(element.bits));
        return;
      case 4:
        builder_.PushElement(static_cast<std::uint32_t>(element.bits));
        return;
      default:
        builder_.PushElement(element.bits);
    }
  }

  Offset<Table> write(const std::vector<Built>& fields) {
    const flatbuffers::uoffset_t start = builder_.StartTable();
    for (const Built& built : fields) {
      const flatbuffers::voffset_t slot = flatbuffers::FieldIndexToOffset(built.field.id);
      if (built.field.by_offset()) {
        builder_.AddOffset(slot, built.offset);
        continue;
      }
      switch (built.field.width()) {
        case 1:
          builder_.AddElement(slot, static_cast<std::uint8_t>(built.bits), std::uint8_t{0});
          break;
        case 2:
          builder_.AddElement(slot, static_cast<std::uint16_t>(built.bits), std::uint16_t{0});
          break;
        case 4:
          builder_.AddElement(slot, static_cast<std::uint32_t>(built.bits), std::uint32_t{0});
          break;
        default:
          builder_.AddElement(slot, built.bits, std::uint64_t{0});
      }
    }
    return Offset<Table>(builder_.EndTable(start));
  }

  flatbuffers::FlatBufferBuilder& builder_;
};

}  // namespace

Result<Offset<Table>> build_table(flatbuffers::FlatBufferBuilder& builder, const JsonValue& json,
                                  const TypeTable* type) {
  return Reader(builder).table(json, type, Path{});
}

}  // namespace solo::schemas

#include "schemas/check_tree.h"

#include "schemas/text.h"
#include "schemas/walk.h"

namespace solo::schemas {
namespace {

// Offsets may point to one string or vector many times. Honest writers share little; what is reached may be this many
// times the buffer.
constexpr std::size_t kMaxSharing = 4;

class TreeCheck {
 public:
  TreeCheck(std::size_t size, EnumRule enums) : budget_(size * kMaxSharing), enums_(enums) {}

  bool table(const flatbuffers::Table* table, const flatbuffers::TypeTable* type, const Path* path) {
    return for_each_set_field(table, type, [&](const FieldView& field) {
      const Path here{path, field.name()};
      if (field.type == flatbuffers::ET_UTYPE) return union_tag(field, table, here);
      if (field.is_vector) return vector(field, here);
      if (field.is_union()) return union_value(field, here);
      return value(field, field.data, here);
    });
  }

  Error take_error() { return std::move(error_); }

 private:
  bool refuse(const Path& path, std::string_view why, ErrorCode code = ErrorCode::invalid_argument) {
    error_ = {code, path.str() + " " + std::string(why)};
    return false;
  }

  bool spend(std::size_t bytes, const Path& path) {
    if (bytes > budget_) return refuse(path, "uses parts of the buffer too often");
    budget_ -= bytes;
    return true;
  }

  // A union's value is the field that follows its tag.
  bool union_tag(const FieldView& field, const flatbuffers::Table* table, const Path& path) {
    if (*field.data == 0) return true;
    if (union_member(field.ref(), *field.data) == nullptr) {
      return refuse(path, "is one this build does not know: " + std::to_string(*field.data), ErrorCode::unimplemented);
    }
    const auto value = flatbuffers::FieldIndexToOffset(static_cast<flatbuffers::voffset_t>(field.id + 1));
    return table->CheckField(value) || refuse(path, "is given without its value");
  }

  bool union_value(const FieldView& field, const Path& path) {
    if (field.tag == 0) return refuse(path, "is given without its type");
    return table(table_at(field.data), union_member(field.ref(), field.tag), &path);
  }

  bool vector(const FieldView& field, const Path& path) {
    const VectorView elements = vector_at(field.data);
    const std::size_t width = field.width();
    if (!spend(elements.size * width, path)) return false;
    const bool offsets = field.type == flatbuffers::ET_STRING || field.type == flatbuffers::ET_SEQUENCE;
    if (!offsets && field.ref_index < 0) return true;
    const std::uint8_t* element = elements.first;
    for (std::size_t index = 0; index < elements.size; ++index, element += width) {
      const Path here{&path, nullptr, static_cast<std::ptrdiff_t>(index)};
      if (offsets && flatbuffers::ReadScalar<flatbuffers::uoffset_t>(element) == 0) return refuse(here, "is not there");
      if (!value(field, element, here)) return false;
    }
    return true;
  }

  bool value(const FieldView& field, const std::uint8_t* data, const Path& path) {
    if (field.type == flatbuffers::ET_STRING) {
      const std::string_view text = string_at(data);
      return spend(text.size(), path) && (is_utf8(text) || refuse(path, "is not UTF-8"));
    }
    if (field.type == flatbuffers::ET_SEQUENCE) return table(table_at(data), field.ref(), &path);
    if (enums_ == EnumRule::refuse_unknown && field.ref_index >= 0) {
      const auto number = static_cast<std::int64_t>(integer_at(field.type, data));
      if (flatbuffers::EnumName(number, field.ref()) == nullptr) {
        return refuse(path, "has a value this build does not know: " + std::to_string(number));
      }
    }
    return true;
  }

  std::size_t budget_;
  EnumRule enums_;
  Error error_;
};

}  // namespace

Result<void> check_tree(const flatbuffers::Table* root, const flatbuffers::TypeTable* type, std::size_t size,
                        EnumRule enums) {
  TreeCheck check(size, enums);
  if (!check.table(root, type, nullptr)) return fail(check.take_error());
  return {};
}

}  // namespace solo::schemas

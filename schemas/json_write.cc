#include "schemas/json_table.h"
#include "schemas/text.h"
#include "schemas/walk.h"

namespace solo::schemas {
namespace {

void write_string(std::string& out, std::string_view text) {
  std::string repaired;
  if (!is_utf8(text)) text = repaired = to_utf8(text);
  constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (character == '"' || character == '\\') {
      out += '\\';
      out += character;
    } else if (character == '\n') {
      out += "\\n";
    } else if (character == '\t') {
      out += "\\t";
    } else if (character == '\r') {
      out += "\\r";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += character;
    }
  }
  out += '"';
}

void write_integer(std::string& out, const FieldView& field, std::uint64_t bits) {
  const auto number = static_cast<std::int64_t>(bits);
  // A value of a newer build has no name here and stays a number.
  const char* name = field.ref_index >= 0 ? flatbuffers::EnumName(number, field.ref()) : nullptr;
  if (name != nullptr) {
    write_string(out, name);
  } else if (field.type == flatbuffers::ET_BOOL) {
    out += bits != 0 ? "true" : "false";
  } else {
    out += is_signed(field.type) ? std::to_string(number) : std::to_string(bits);
  }
}

void write_value(std::string& out, const FieldView& field, const std::uint8_t* data) {
  if (field.type == flatbuffers::ET_STRING) {
    write_string(out, string_at(data));
  } else if (field.type == flatbuffers::ET_SEQUENCE) {
    write_json(out, table_at(data), field.ref());
  } else {
    write_integer(out, field, integer_at(field.type, data));
  }
}

void write_vector(std::string& out, const FieldView& field) {
  out += '[';
  if (field.data != nullptr) {
    const VectorView elements = vector_at(field.data);
    const std::size_t width = field.width();
    for (std::size_t index = 0; index < elements.size; ++index) {
      if (index > 0) out += ',';
      write_value(out, field, elements.first + index * width);
    }
  }
  out += ']';
}

void write_unset(std::string& out, const FieldView& field) {
  if (field.type == flatbuffers::ET_STRING) {
    out += "\"\"";
  } else {
    write_integer(out, field, 0);
  }
}

}  // namespace

void write_json(std::string& out, const flatbuffers::Table* table, const flatbuffers::TypeTable* type) {
  out += '{';
  bool first = true;
  std::uint8_t tag = 0;
  for (std::size_t index = 0; index < type->num_elems; ++index) {
    FieldView field = field_of(type, index);
    field.data = table->GetAddressOf(flatbuffers::FieldIndexToOffset(field.id));
    const bool is_table = field.type == flatbuffers::ET_SEQUENCE && !field.is_vector;
    const flatbuffers::TypeTable* member = !is_table          ? nullptr
                                           : field.is_union() ? union_member(field.ref(), tag)
                                                              : field.ref();
    tag = field.type == flatbuffers::ET_UTYPE && field.data != nullptr ? *field.data : 0;
    if (is_table && (field.data == nullptr || member == nullptr)) continue;
    if (!first) out += ',';
    first = false;
    write_string(out, field.name());
    out += ':';
    if (field.is_vector) {
      write_vector(out, field);
    } else if (is_table) {
      write_json(out, table_at(field.data), member);
    } else if (field.data != nullptr) {
      write_value(out, field, field.data);
    } else {
      write_unset(out, field);
    }
  }
  out += '}';
}

}  // namespace solo::schemas

#include "schemas/json_value.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "schemas/text.h"

namespace solo::schemas {
namespace {

// More than any table of the schemas needs; they bound what a hostile text costs.
constexpr std::size_t kMaxDepth = 32;
constexpr std::size_t kMaxValues = 256 * 1024;
constexpr std::size_t kMaxFields = 64;

// `line 3, column 7` of the byte at `offset`, both from 1.
std::string line_and_column(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t column = before.size() - (before.rfind('\n') + 1) + 1;
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

// What nlohmann's exception says after its own code and position, and without the text it has read: that may be a
// client's token.
std::string reason_of(std::string_view what) {
  for (const std::string_view head : {"] ", "syntax error ", ": "}) {
    if (head == ": " && what.substr(0, 11) != "parse error") continue;
    if (const std::size_t at = what.find(head); at != std::string_view::npos) what.remove_prefix(at + head.size());
  }
  what = what.substr(0, what.find("; last read"));
  return std::string(what.substr(0, what.find(" parsing '")));
}

// Builds the value as nlohmann's reader walks the text; false stops the reader.
class Builder {
 public:
  explicit Builder(std::string_view text) : text_(text) {}

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(std::int64_t value) { return add(value); }
  bool number_unsigned(std::uint64_t value) { return add(value); }
  bool number_float(double, const std::string&) { return add(JsonValue::Unfit{}); }
  bool string(std::string& value) { return add(std::move(value)); }
  bool binary(std::vector<std::uint8_t>&) { return refuse("binary"); }
  bool start_object(std::size_t) { return open(JsonValue::Object()); }
  bool end_object() { return close(); }
  bool start_array(std::size_t) { return open(JsonValue::Array()); }
  bool end_array() { return close(); }

  bool key(std::string& name) {
    auto& object = std::get<JsonValue::Object>(open_.back()->held);
    if (object.names.size() == kMaxFields)
      return refuse("an object has more than " + std::to_string(kMaxFields) + " fields");
    if (std::find(object.names.begin(), object.names.end(), name) != object.names.end()) {
      return refuse(quote(name) + " is there twice in one object");
    }
    object.names.push_back(std::move(name));
    object.values.emplace_back();
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception& error) {
    return refuse(line_and_column(text_, position == 0 ? 0 : position - 1) + ": " + reason_of(error.what()));
  }

  Result<JsonValue> finish(bool done) {
    if (!done) return fail(ErrorCode::invalid_argument, "not JSON Solo takes: " + error_);
    return std::move(root_);
  }

 private:
  bool refuse(std::string why) {
    error_ = std::move(why);
    return false;
  }

  JsonValue* place() {
    if (open_.empty()) return &root_;
    if (auto* array = std::get_if<JsonValue::Array>(&open_.back()->held)) return &array->emplace_back();
    return &std::get<JsonValue::Object>(open_.back()->held).values.back();
  }

  template <class Held>
  bool add(Held&& held) {
    if (++values_ > kMaxValues) return refuse("more than " + std::to_string(kMaxValues) + " values");
    place()->held = std::forward<Held>(held);
    return true;
  }

  template <class Container>
  bool open(Container container) {
    if (open_.size() == kMaxDepth) return refuse("nested deeper than " + std::to_string(kMaxDepth));
    if (++values_ > kMaxValues) return refuse("more than " + std::to_string(kMaxValues) + " values");
    JsonValue* where = place();
    where->held = std::move(container);
    open_.push_back(where);
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  std::string_view text_;
  JsonValue root_;
  // The containers not yet closed. Each is the last element of the one before it, so none moves while it is open.
  std::vector<JsonValue*> open_;
  std::size_t values_ = 0;
  std::string error_;
};

}  // namespace

Result<JsonValue> parse_json(std::string_view text) {
  // nlohmann's reader takes a NUL for the end of the text and would not see what follows it.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return fail(ErrorCode::invalid_argument, "not JSON Solo takes: " + line_and_column(text, nul) + ": a NUL byte");
  }
  Builder builder(text);
  const bool done = nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  return builder.finish(done);
}

}  // namespace solo::schemas

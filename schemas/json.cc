#include "schemas/json.h"

#include <sodium.h>

#include <algorithm>

#include "schemas/codec.h"
#include "schemas/json_scan.h"
#include "schemas/json_table.h"
#include "schemas/json_value.h"
#include "schemas/schemas.h"
#include "schemas/tables.h"
#include "schemas/token.h"

namespace solo::schemas {
namespace {

// JSON of the largest reply, every byte of its text escaped, is not taken; no honest one comes near.
constexpr std::size_t kMaxJsonBytes = kMaxReplyBytes;

constexpr std::size_t kFirstBytes = 1024;

// Memory that may have held a secret is given back overwritten.
class WipingAllocator final : public flatbuffers::Allocator {
 public:
  std::uint8_t* allocate(std::size_t size) override { return plain_.allocate(size); }
  void deallocate(std::uint8_t* memory, std::size_t size) override {
    sodium_memzero(memory, size);
    plain_.deallocate(memory, size);
  }

 private:
  flatbuffers::DefaultAllocator plain_;
};

// What the reader has copied of it.
void wipe_token(JsonValue& value) {
  auto* object = std::get_if<JsonValue::Object>(&value.held);
  if (object == nullptr) return;
  for (std::size_t i = 0; i < object->names.size(); ++i) {
    auto* text = std::get_if<std::string>(&object->values[i].held);
    if (text != nullptr && object->names[i] == "token") wipe(*text);
  }
}

/// The token in a request's text, if there is nothing in it that the reader would see otherwise.
std::string_view plain_token_in(std::string_view json) {
  const std::string_view token = outer_text(json, "token");
  const bool plain = std::all_of(token.begin(), token.end(), [](char c) { return c >= ' ' && c <= '~' && c != '\\'; });
  return plain ? token : std::string_view();
}

}  // namespace

struct JsonCodec::Impl {
  WipingAllocator allocator;
  flatbuffers::FlatBufferBuilder builder{kFirstBytes, &allocator};

  template <class Native>
  std::string write(const Native& value) {
    using Table = typename Native::TableType;
    builder.Clear();
    builder.Finish(Table::Pack(builder, &value));
    std::string out;
    write_json(out, flatbuffers::GetRoot<flatbuffers::Table>(builder.GetBufferPointer()),
               Table::MiniReflectTypeTable());
    return out;
  }

  // Leaves the finished buffer in `builder` and returns its bytes.
  Result<std::string_view> read(std::string_view json, const flatbuffers::TypeTable* type, const char* identifier,
                                std::size_t limit) {
    if (json.size() > limit) {
      return fail(ErrorCode::resource_exhausted, "the JSON is longer than " + std::to_string(limit) + " bytes");
    }
    auto value = parse_json(json);
    if (!value) return fail(value.error());
    builder.Clear();
    auto root = build_table(builder, *value, type);
    wipe_token(*value);
    if (!root) return fail(root.error());
    builder.Finish(*root, identifier);
    return std::string_view(reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize());
  }
};

JsonCodec::JsonCodec() : impl_(std::make_unique<Impl>()) {}
JsonCodec::~JsonCodec() = default;

std::string JsonCodec::to_json(const v1::EventT& event) { return impl_->write(event); }
std::string JsonCodec::to_json(const v1::RequestT& request) { return impl_->write(request); }
std::string JsonCodec::to_json(const v1::ReplyT& reply) { return impl_->write(reply); }

Result<v1::EventT> JsonCodec::event_from_json(std::string_view json) {
  return impl_->read(json, v1::EventTypeTable(), v1::EventIdentifier(), kMaxJsonBytes).and_then(decode_event);
}

Result<v1::RequestT> JsonCodec::request_from_json(std::string_view json) {
  const auto read = [this](std::string_view text) {
    auto request =
        impl_->read(text, v1::RequestTypeTable(), v1::RequestIdentifier(), kMaxRequestBytes).and_then(decode_request);
    // Its token may have been in there.
    impl_->builder.Reset();
    return request;
  };
  const std::string_view token = plain_token_in(json);
  if (token.empty() || json.size() > kMaxRequestBytes) return read(json);
  // The reader leaves copies of what it reads in memory that it gives back as it is: it does not get to see the token.
  std::string without(json);
  std::fill_n(without.begin() + (token.data() - json.data()), token.size(), 'x');
  auto request = read(without);
  if (request) request->token = token;
  return request;
}

Result<v1::ReplyT> JsonCodec::reply_from_json(std::string_view json) {
  return impl_->read(json, v1::ReplyTypeTable(), v1::ReplyIdentifier(), kMaxJsonBytes).and_then(decode_reply);
}

Result<v1::SpecT> JsonCodec::spec_from_json(std::string_view json) {
  return impl_->read(json, v1::SpecTypeTable(), nullptr, kMaxRequestBytes).map([](std::string_view bytes) {
    v1::SpecT spec;
    flatbuffers::GetRoot<v1::Spec>(bytes.data())->UnPackTo(&spec);
    return spec;
  });
}

Result<std::string> JsonCodec::table_to_json(std::string_view table, std::string_view buffer) {
  const flatbuffers::TypeTable* type = find_table(table);
  if (type == nullptr) return fail(ErrorCode::not_found, "no table named " + std::string(table));
  std::string out;
  write_json(out, flatbuffers::GetRoot<flatbuffers::Table>(buffer.data()), type);
  return out;
}

}  // namespace solo::schemas

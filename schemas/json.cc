#include "schemas/json.h"

#include "schemas/codec.h"
#include "schemas/json_table.h"
#include "schemas/json_value.h"
#include "schemas/schemas.h"
#include "schemas/tables.h"

namespace solo::schemas {
namespace {

// JSON of the largest reply, every byte of its text escaped, is not taken; no honest one comes near.
constexpr std::size_t kMaxJsonBytes = kMaxReplyBytes;

}  // namespace

struct JsonCodec::Impl {
  flatbuffers::FlatBufferBuilder builder;

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
  return impl_->read(json, v1::RequestTypeTable(), v1::RequestIdentifier(), kMaxRequestBytes).and_then(decode_request);
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

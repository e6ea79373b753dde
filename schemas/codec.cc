#include "schemas/codec.h"

#include "schemas/check_tree.h"
#include "schemas/schemas.h"
#include "schemas/token.h"
#include "schemas/walk.h"

namespace solo::schemas {
namespace {

constexpr std::uint32_t kMaxDepth = 16;
constexpr std::uint32_t kMaxTables = 64 * 1024;
constexpr std::size_t kUsualBytes = 1024;

// The root of a buffer that has passed every check that does not look at what a field means.
template <class Table>
Result<const Table*> verified(std::string_view what, std::string_view bytes, const char* identifier,
                              const flatbuffers::TypeTable* type, EnumRule enums) {
  const auto refuse = [what](std::string_view why) {
    return fail(ErrorCode::invalid_argument, "not " + std::string(what) + ": " + std::string(why));
  };
  // Root offset and identifier come first.
  if (bytes.size() < 2 * sizeof(flatbuffers::uoffset_t)) return refuse("too short");
  if (!flatbuffers::BufferHasIdentifier(bytes.data(), identifier)) {
    return refuse(std::string("its file identifier is not ") + identifier);
  }
  flatbuffers::Verifier::Options limits;
  limits.max_depth = kMaxDepth;
  limits.max_tables = kMaxTables;
  flatbuffers::Verifier verifier(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size(), limits);
  if (!verifier.VerifyBuffer<Table>(identifier)) return refuse("the buffer is damaged");
  const auto* root = flatbuffers::GetRoot<Table>(bytes.data());
  if (auto checked = check_tree(reinterpret_cast<const flatbuffers::Table*>(root), type, bytes.size(), enums);
      !checked) {
    return fail_with("not " + std::string(what), checked.error());
  }
  return root;
}

template <class Native>
std::string pack(const Native& value, const char* identifier) {
  flatbuffers::FlatBufferBuilder builder(kUsualBytes);
  builder.Finish(Native::TableType::Pack(builder, &value), identifier);
  return {reinterpret_cast<const char*>(builder.GetBufferPointer()), builder.GetSize()};
}

// FlatBuffers reads lengths in place as the integers they are.
bool is_aligned(std::string_view bytes) {
  return reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(flatbuffers::uoffset_t) == 0;
}

// What is decoded owns all it holds, so a copy may go away after it; there may have been a secret in it.
template <class Decode>
auto aligned(std::string_view bytes, Decode decode) {
  if (is_aligned(bytes)) return decode(bytes);
  std::string copy(bytes);
  auto decoded = decode(copy);
  wipe(copy);
  return decoded;
}

Result<const v1::Reply*> view_reply(std::string_view bytes) {
  if (bytes.size() > kMaxReplyBytes) {
    return fail(ErrorCode::invalid_argument, "not a reply: longer than " + std::to_string(kMaxReplyBytes) + " bytes");
  }
  return verified<v1::Reply>("a reply", bytes, v1::ReplyIdentifier(), v1::ReplyTypeTable(), EnumRule::take_unknown);
}

template <class Table>
auto unpack(const Table* table) {
  typename Table::NativeTableType value;
  table->UnPackTo(&value);
  return value;
}

}  // namespace

std::string encode(const v1::EventT& event) { return pack(event, v1::EventIdentifier()); }
std::string encode(const v1::RequestT& request) { return pack(request, v1::RequestIdentifier()); }
std::string encode(const v1::ReplyT& reply) { return pack(reply, v1::ReplyIdentifier()); }

Result<const v1::Event*> view_event(std::string_view bytes) {
  if (bytes.size() > kMaxEventBytes) {
    return fail(ErrorCode::invalid_argument, "not an event: longer than " + std::to_string(kMaxEventBytes) + " bytes");
  }
  if (!is_aligned(bytes)) return fail(ErrorCode::internal, "an event to be viewed in place is not aligned");
  auto event =
      verified<v1::Event>("an event", bytes, v1::EventIdentifier(), v1::EventTypeTable(), EnumRule::take_unknown);
  if (event && (*event)->payload_type() == v1::Payload::NONE) {
    return fail(ErrorCode::invalid_argument, "not an event: it has no payload");
  }
  return event;
}

Result<v1::EventT> decode_event(std::string_view bytes) {
  return aligned(bytes, [](std::string_view at) { return view_event(at).map(unpack<v1::Event>); });
}

Result<v1::RequestT> decode_request(std::string_view bytes) {
  if (bytes.size() > kMaxRequestBytes) {
    return fail(ErrorCode::resource_exhausted,
                "the request is longer than " + std::to_string(kMaxRequestBytes) + " bytes", "make it shorter");
  }
  return aligned(bytes, [](std::string_view at) -> Result<v1::RequestT> {
    auto request = verified<v1::Request>("a request", at, v1::RequestIdentifier(), v1::RequestTypeTable(),
                                         EnumRule::refuse_unknown);
    if (request && (*request)->body_type() == v1::Command::NONE) {
      return fail(ErrorCode::invalid_argument, "not a request: it has no body, so no command",
                  "name the command in body_type and give its table as body");
    }
    return request.map(unpack<v1::Request>);
  });
}

Result<v1::ReplyT> decode_reply(std::string_view bytes) {
  return aligned(bytes, [](std::string_view at) { return view_reply(at).map(unpack<v1::Reply>); });
}

Result<void> check_reply(std::string_view bytes) {
  return aligned(bytes, [](std::string_view at) { return view_reply(at).map([](const v1::Reply*) {}); });
}

}  // namespace solo::schemas

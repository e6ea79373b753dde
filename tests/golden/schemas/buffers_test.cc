// Buffers of every release, read by this build.
#include <gtest/gtest.h>

#include <map>

#include "schemas/codec.h"
#include "schemas/fingerprint.h"
#include "schemas/json.h"
#include "schemas/json_table.h"
#include "schemas/schemas.h"
#include "tests/golden/schemas/golden_file.h"
#include "tests/support/any_table.h"

namespace solo::test {
namespace {

using schemas::JsonCodec;

struct EventRoot {
  static constexpr const char* kFile = "event.golden";
  static constexpr const char* kUnion = "payload_type";
  static const flatbuffers::TypeTable* type() { return v1::EventTypeTable(); }
  static const flatbuffers::TypeTable* members() { return v1::PayloadTypeTable(); }
  static auto decode(const std::string& bytes) { return schemas::decode_event(bytes); }
  static auto from_json(JsonCodec& codec, const std::string& json) { return codec.event_from_json(json); }
  static std::string note(const v1::EventT& event) { return to_string(schemas::request_fingerprint(event)); }
};

struct RequestRoot {
  static constexpr const char* kFile = "request.golden";
  static constexpr const char* kUnion = "body_type";
  static const flatbuffers::TypeTable* type() { return v1::RequestTypeTable(); }
  static const flatbuffers::TypeTable* members() { return v1::CommandTypeTable(); }
  static auto decode(const std::string& bytes) { return schemas::decode_request(bytes); }
  static auto from_json(JsonCodec& codec, const std::string& json) { return codec.request_from_json(json); }
  static std::string note(const v1::RequestT&) { return ""; }
};

struct ReplyRoot {
  static constexpr const char* kFile = "reply.golden";
  static constexpr const char* kUnion = "body_type";
  static const flatbuffers::TypeTable* type() { return v1::ReplyTypeTable(); }
  static const flatbuffers::TypeTable* members() { return v1::ReplyBodyTypeTable(); }
  static auto decode(const std::string& bytes) { return schemas::decode_reply(bytes); }
  static auto from_json(JsonCodec& codec, const std::string& json) { return codec.reply_from_json(json); }
  static std::string note(const v1::ReplyT&) { return ""; }
};

// Four lines in the file: the member's name, JSON, bytes in hex, a note (an event's fingerprint).
struct Entry {
  std::string json;
  std::string hex;
  std::string note;
};

template <class Root>
class Golden : public testing::Test {
 protected:
  static std::map<std::string, Entry> entries() {
    std::map<std::string, Entry> found;
    const auto lines = golden_lines(Root::kFile);
    for (std::size_t at = 0; at + 3 < lines.size(); at += 4) {
      found[lines[at]] = {lines[at + 1], lines[at + 2], lines[at + 3]};
    }
    return found;
  }

  static void add(const std::string& member) {
    const auto value = AnyTable(1, AnyTable::Fill::every_field).table(Root::type(), member);
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(schemas::build_table(builder, value, Root::type()).value());
    std::string json;
    schemas::write_json(json, flatbuffers::GetRoot<flatbuffers::Table>(builder.GetBufferPointer()), Root::type());
    JsonCodec codec;
    const auto native = Root::from_json(codec, json).value();
    append_golden(Root::kFile,
                  member + "\n" + json + "\n" + to_hex(schemas::encode(native)) + "\n" + Root::note(native) + "\n");
  }
};

using Roots = testing::Types<EventRoot, RequestRoot, ReplyRoot>;
TYPED_TEST_SUITE(Golden, Roots);

TYPED_TEST(Golden, EveryMemberHasABuffer) {
  const auto entries = this->entries();
  for (std::size_t index = 1; index < TypeParam::members()->num_elems; ++index) {
    const std::string member = TypeParam::members()->names[index];
    if (entries.count(member) != 0) continue;
    if (adding()) {
      this->add(member);
    } else {
      ADD_FAILURE() << "no golden buffer of " << member << "\n" << kHowToAdd;
    }
  }
}

TYPED_TEST(Golden, EveryBufferAndItsJsonAreTheSameValue) {
  JsonCodec codec;
  for (const auto& [member, entry] : this->entries()) {
    SCOPED_TRACE(member);
    const auto from_bytes = TypeParam::decode(from_hex(entry.hex));
    ASSERT_TRUE(from_bytes) << from_bytes.error().message;
    const auto from_json = TypeParam::from_json(codec, entry.json);
    ASSERT_TRUE(from_json) << from_json.error().message;
    EXPECT_EQ(*from_bytes, *from_json) << codec.to_json(*from_bytes);
    EXPECT_NE(entry.json.find('"' + std::string(TypeParam::kUnion) + "\":\"" + member + '"'), std::string::npos);
    EXPECT_EQ(TypeParam::note(*from_bytes), entry.note) << "fingerprints are kept in the views and must stay";
  }
}

}  // namespace
}  // namespace solo::test

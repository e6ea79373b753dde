#include "schemas/fingerprint.h"

// As a header-only library: the state then has a known size and lives on the stack.
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <bit>
#include <cstring>
#include <type_traits>

#include "schemas/schemas.h"
#include "schemas/walk.h"

namespace solo::schemas {
namespace {

static_assert(std::endian::native == std::endian::little, "the hash is over little-endian bytes, as the buffers are");

// Ends a table's fields; no field has this head.
constexpr std::uint32_t kEndOfTable = 0xffffffff;

// Gathers what is hashed: on the stack while it is short, which it nearly always is, so that one call hashes it.
class Feed {
 public:
  template <class Number>
  void number(Number value) {
    static_assert(std::is_integral_v<Number>);
    if (sizeof value > sizeof buffer_ - used_) spill();
    std::memcpy(buffer_ + used_, &value, sizeof value);
    used_ += sizeof value;
  }

  void text(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    if (value.empty()) return;
    if (value.size() > sizeof buffer_ - used_) {
      spill();
      if (value.size() > sizeof buffer_) {
        XXH3_128bits_update(&state_, value.data(), value.size());
        return;
      }
    }
    std::memcpy(buffer_ + used_, value.data(), value.size());
    used_ += value.size();
  }

  Hash128 finish() {
    XXH128_hash_t hash;
    if (spilled_) {
      spill();
      hash = XXH3_128bits_digest(&state_);
    } else {
      hash = XXH3_128bits(buffer_, used_);
    }
    return {hash.low64, hash.high64};
  }

 private:
  void spill() {
    if (!spilled_) XXH3_128bits_reset(&state_);
    spilled_ = true;
    XXH3_128bits_update(&state_, buffer_, used_);
    used_ = 0;
  }

  std::size_t used_ = 0;
  bool spilled_ = false;
  char buffer_[2048];
  XXH3_state_t state_;
};

void feed_fields(Feed& feed, const flatbuffers::Table* table, const flatbuffers::TypeTable* type);

void feed_head(Feed& feed, const FieldView& field) {
  feed.number((static_cast<std::uint32_t>(field.id) << 16) | (static_cast<std::uint32_t>(field.type) << 8) |
              (field.is_vector ? 1U : 0U));
}

void feed_vector(Feed& feed, const FieldView& field) {
  const VectorView elements = vector_at(field.data);
  if (elements.size == 0) return;
  feed_head(feed, field);
  feed.number(static_cast<std::uint32_t>(elements.size));
  const std::size_t width = field.width();
  const std::uint8_t* element = elements.first;
  for (std::size_t index = 0; index < elements.size; ++index, element += width) {
    if (field.type == flatbuffers::ET_STRING) {
      feed.text(string_at(element));
    } else if (field.type == flatbuffers::ET_SEQUENCE) {
      feed_fields(feed, table_at(element), field.ref());
    } else {
      feed.number(integer_at(field.type, element));
    }
  }
}

void feed_field(Feed& feed, const FieldView& field) {
  if (field.is_vector) return feed_vector(feed, field);
  if (field.type == flatbuffers::ET_STRING) {
    const std::string_view text = string_at(field.data);
    if (text.empty()) return;
    feed_head(feed, field);
    feed.text(text);
  } else if (field.type == flatbuffers::ET_SEQUENCE) {
    const flatbuffers::TypeTable* type = field.ref();
    if (type->st == flatbuffers::ST_UNION) type = union_member(type, field.tag);
    if (type == nullptr) return;
    feed_head(feed, field);
    feed_fields(feed, table_at(field.data), type);
  } else if (const std::uint64_t bits = integer_at(field.type, field.data); bits != 0) {
    feed_head(feed, field);
    feed.number(bits);
  }
}

void feed_fields(Feed& feed, const flatbuffers::Table* table, const flatbuffers::TypeTable* type) {
  for_each_set_field(table, type, [&feed](const FieldView& field) {
    feed_field(feed, field);
    return true;
  });
  feed.number(kEndOfTable);
}

Hash128 fingerprint(std::string_view tenant, std::string_view service, v1::Payload tag, const void* payload) {
  Feed feed;
  feed.text(tenant);
  feed.text(service);
  feed.number(static_cast<std::uint8_t>(tag));
  const flatbuffers::TypeTable* type = union_member(v1::PayloadTypeTable(), static_cast<std::uint8_t>(tag));
  if (type != nullptr && payload != nullptr) feed_fields(feed, static_cast<const flatbuffers::Table*>(payload), type);
  return feed.finish();
}

std::string_view text_of(const flatbuffers::String* text) {
  return text != nullptr ? std::string_view(text->data(), text->size()) : std::string_view();
}

}  // namespace

Hash128& Hash128::operator+=(const Hash128& other) {
  low += other.low;
  high += other.high + (low < other.low ? 1 : 0);
  return *this;
}

Hash128& Hash128::operator-=(const Hash128& other) {
  high -= other.high + (low < other.low ? 1 : 0);
  low -= other.low;
  return *this;
}

std::array<std::uint8_t, 16> Hash128::bytes() const {
  std::array<std::uint8_t, 16> out;
  std::memcpy(out.data(), &low, sizeof low);
  std::memcpy(out.data() + sizeof low, &high, sizeof high);
  return out;
}

Hash128 Hash128::from_bytes(const std::uint8_t* sixteen) {
  Hash128 hash;
  std::memcpy(&hash.low, sixteen, sizeof hash.low);
  std::memcpy(&hash.high, sixteen + sizeof hash.low, sizeof hash.high);
  return hash;
}

std::string to_string(const Hash128& hash) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (const std::uint64_t half : {hash.high, hash.low}) {
    for (int shift = 60; shift >= 0; shift -= 4) out += kHex[(half >> shift) & 15];
  }
  return out;
}

Hash128 hash_fields(std::string_view key, const flatbuffers::Table* table, const flatbuffers::TypeTable* type) {
  Feed feed;
  feed.text(key);
  feed_fields(feed, table, type);
  return feed.finish();
}

Hash128 hash_bytes(std::string_view bytes) {
  const XXH128_hash_t hash = XXH3_128bits(bytes.data(), bytes.size());
  return {hash.low64, hash.high64};
}

Hash128 request_fingerprint(const v1::Event& event) {
  return fingerprint(text_of(event.tenant()), text_of(event.service()), event.payload_type(), event.payload());
}

Hash128 request_fingerprint(const v1::EventT& event) {
  if (event.payload.value == nullptr) return fingerprint(event.tenant, event.service, event.payload.type, nullptr);
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(event.payload.Pack(builder));
  return fingerprint(event.tenant, event.service, event.payload.type,
                     flatbuffers::GetRoot<flatbuffers::Table>(builder.GetBufferPointer()));
}

}  // namespace solo::schemas

#include "schemas/fingerprint.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <functional>
#include <set>

#include "schemas/codec.h"
#include "schemas/schemas.h"
#include "schemas/tables.h"
#include "tests/support/any_table.h"
#include "tests/support/schema_names.h"

namespace solo::schemas {
namespace {

using flatbuffers::Offset;
using flatbuffers::TypeTable;
using test::AnyTable;

struct Layout {
  bool last_field_first = false;
  bool defaults_written = false;
};

// Writes a table in any layout the format allows; the codec's own writer knows one.
class Writer {
 public:
  explicit Writer(Layout layout) : layout_(layout) { builder_.ForceDefaults(layout.defaults_written); }

  Hash128 hash(const JsonValue& value, const TypeTable* type) {
    builder_.Finish(Offset<flatbuffers::Table>(table(value, type)));
    return hash_fields("key", flatbuffers::GetRoot<flatbuffers::Table>(builder_.GetBufferPointer()), type);
  }

 private:
  using Position = flatbuffers::uoffset_t;

  Position table(const JsonValue& value, const TypeTable* type) {
    const auto& object = std::get<JsonValue::Object>(value.held);
    std::map<std::size_t, Position> built;
    each(type, [&](const FieldView& field) {
      if (const JsonValue* given = find(object, field.name())) {
        if (field.by_offset()) built[field.id] = offset(field, *given, object, type);
      } else if (layout_.defaults_written && field.is_vector) {
        built[field.id] = builder_.CreateVector(std::vector<std::uint8_t>()).o;
      } else if (layout_.defaults_written && field.type == flatbuffers::ET_STRING) {
        built[field.id] = builder_.CreateString("").o;
      }
    });
    const Position start = builder_.StartTable();
    each(type, [&](const FieldView& field) {
      const auto slot = flatbuffers::FieldIndexToOffset(field.id);
      const JsonValue* given = find(object, field.name());
      if (field.by_offset()) {
        if (built.count(field.id) != 0) builder_.AddOffset(slot, Offset<void>(built[field.id]));
      } else if (given != nullptr || layout_.defaults_written) {
        scalar(slot, field.width(), given != nullptr ? bits(field, *given) : 0);
      }
    });
    return builder_.EndTable(start);
  }

  void each(const TypeTable* type, const std::function<void(const FieldView&)>& visit) {
    for (std::size_t index = 0; index < type->num_elems; ++index) {
      visit(field_of(type, layout_.last_field_first ? type->num_elems - 1 - index : index));
    }
  }

  static const JsonValue* find(const JsonValue::Object& object, const std::string& name) {
    const auto found = std::find(object.names.begin(), object.names.end(), name);
    return found == object.names.end() ? nullptr
                                       : &object.values[static_cast<std::size_t>(found - object.names.begin())];
  }

  Position offset(const FieldView& field, const JsonValue& value, const JsonValue::Object& object,
                  const TypeTable* type) {
    if (!field.is_vector) return single(field, value, object, type);
    const auto& array = std::get<JsonValue::Array>(value.held);
    const bool scalars = field.type != flatbuffers::ET_STRING && field.type != flatbuffers::ET_SEQUENCE;
    if (scalars) {
      std::vector<std::uint8_t> bytes;
      for (const JsonValue& element : array) bytes.push_back(static_cast<std::uint8_t>(bits(field, element)));
      return builder_.CreateVector(bytes).o;
    }
    std::vector<Offset<void>> elements;
    for (const JsonValue& element : array) elements.emplace_back(single(field, element, object, type));
    return builder_.CreateVector(elements).o;
  }

  Position single(const FieldView& field, const JsonValue& value, const JsonValue::Object& object,
                  const TypeTable* type) {
    if (field.type == flatbuffers::ET_STRING) return builder_.CreateString(std::get<std::string>(value.held)).o;
    if (!field.is_union()) return table(value, field.ref());
    const FieldView tag = field_of(type, field.id - 1U);
    return table(value, union_member(field.ref(), static_cast<std::uint8_t>(bits(tag, *find(object, tag.name())))));
  }

  static std::uint64_t bits(const FieldView& field, const JsonValue& value) {
    if (const auto* truth = std::get_if<bool>(&value.held)) return *truth ? 1 : 0;
    if (const auto* number = std::get_if<std::int64_t>(&value.held)) return static_cast<std::uint64_t>(*number);
    if (const auto* name = std::get_if<std::string>(&value.held)) {
      std::size_t index = 0;
      while (*name != field.ref()->names[index]) ++index;
      return index;
    }
    return std::get<std::uint64_t>(value.held);
  }

  void scalar(flatbuffers::voffset_t slot, std::size_t width, std::uint64_t bits) {
    if (width == 1) builder_.AddElement(slot, static_cast<std::uint8_t>(bits), std::uint8_t{0});
    if (width == 2) builder_.AddElement(slot, static_cast<std::uint16_t>(bits), std::uint16_t{0});
    if (width == 4) builder_.AddElement(slot, static_cast<std::uint32_t>(bits), std::uint32_t{0});
    if (width == 8) builder_.AddElement(slot, bits, std::uint64_t{0});
  }

  Layout layout_;
  flatbuffers::FlatBufferBuilder builder_;
};

Hash128 hash_of(const JsonValue& value, const TypeTable* type, Layout layout = {}) {
  return Writer(layout).hash(value, type);
}

// Calls `changed` once for every single change of content: each value changed, each left out, each vector lengthened.
void each_change(JsonValue& here, const std::string& path, const std::function<void(const std::string&)>& changed) {
  if (auto* object = std::get_if<JsonValue::Object>(&here.held)) {
    for (std::size_t index = 0; index < object->names.size(); ++index) {
      const std::string name = object->names[index];
      // A union's tag goes with its value; other members are other tables.
      if (name == "payload_type" || name == "body_type") continue;
      each_change(object->values[index], path + "." + name, changed);
      if (name == "payload" || name == "body") continue;
      object->names[index] = "";
      changed(path + "." + name + " left out");
      object->names[index] = name;
    }
    return;
  }
  if (auto* array = std::get_if<JsonValue::Array>(&here.held)) {
    for (std::size_t index = 0; index < array->size(); ++index) {
      each_change((*array)[index], path + "[" + std::to_string(index) + "]", changed);
    }
    array->push_back(array->front());
    changed(path + " with one more");
    array->pop_back();
    return;
  }
  const JsonValue before = here;
  if (auto* text = std::get_if<std::string>(&here.held)) *text += "x";
  if (auto* number = std::get_if<std::uint64_t>(&here.held)) *number ^= 0x40;
  if (auto* number = std::get_if<std::int64_t>(&here.held)) *number ^= 0x40;
  if (auto* truth = std::get_if<bool>(&here.held)) *truth = !*truth;
  changed(path + " changed");
  here = before;
}

class EveryTable : public testing::TestWithParam<std::string> {};

TEST_P(EveryTable, EveryFieldCountsAndTheLayoutDoesNot) {
  const TypeTable* type = find_table(GetParam());
  ASSERT_NE(type, nullptr);
  JsonValue value = AnyTable(1, AnyTable::Fill::every_field).table(type);
  const Hash128 whole = hash_of(value, type);
  std::set<std::string> seen = {to_string(whole)};
  each_change(value, GetParam(), [&](const std::string& change) {
    // A bool that is changed to false is the same as one that is left out.
    const bool fresh = seen.insert(to_string(hash_of(value, type))).second;
    EXPECT_TRUE(fresh || change.find("left out") != std::string::npos) << change;
    EXPECT_NE(hash_of(value, type), whole) << change;
  });
  for (const Layout layout : {Layout{true, false}, Layout{false, true}, Layout{true, true}}) {
    EXPECT_EQ(hash_of(value, type, layout), whole);
  }
  const JsonValue empty{JsonValue::Object()};
  EXPECT_EQ(hash_of(empty, type, {false, true}), hash_of(empty, type));
}

INSTANTIATE_TEST_SUITE_P(Fingerprint, EveryTable, testing::ValuesIn(test::table_names()),
                         [](const auto& table) { return table.param; });

RC_GTEST_PROP(Fingerprint, TheLayoutNeverCounts, (std::uint64_t seed, bool backwards, bool defaults)) {
  const TypeTable* type = v1::EventTypeTable();
  const JsonValue value = AnyTable(seed, AnyTable::Fill::some_fields).table(type);
  RC_ASSERT(hash_of(value, type, {backwards, defaults}) == hash_of(value, type));
}

v1::EventT deployed() {
  v1::ServiceDeployedT payload;
  v1::SpecT spec;
  spec.argv = {"a", "bc"};
  payload.spec = spec;
  v1::EventT event;
  event.id = "1";
  event.tenant = "acme";
  event.service = "web";
  event.payload.Set(payload);
  return event;
}

Hash128 fingerprint_with(const std::function<void(v1::EventT&)>& change) {
  v1::EventT event = deployed();
  change(event);
  const std::string bytes = encode(event);
  EXPECT_EQ(request_fingerprint(event), request_fingerprint(*view_event(bytes).value()));
  return request_fingerprint(event);
}

TEST(Fingerprint, ARequestIsItsTenantServiceTypeAndFields) {
  const Hash128 before = request_fingerprint(deployed());
  EXPECT_EQ(fingerprint_with([](v1::EventT& event) {
              event.id = "2";
              event.time = 5;
              event.actor = "acc_1";
              event.source = "/elsewhere";
              event.causation = event.correlation = "x";
            }),
            before);
  EXPECT_NE(fingerprint_with([](v1::EventT& event) { event.tenant = "acme2"; }), before);
  EXPECT_NE(fingerprint_with([](v1::EventT& event) { event.service = "web2"; }), before);
  EXPECT_NE(fingerprint_with([](v1::EventT& event) { event.payload.AsServiceDeployed()->replace = true; }), before);
  EXPECT_NE(fingerprint_with([](v1::EventT& event) {
              event.payload.AsServiceDeployed()->spec->argv = {"ab", "c"};
            }),
            before);
  EXPECT_NE(fingerprint_with([](v1::EventT& event) { event.payload.AsServiceDeployed()->spec->argv = {"abc"}; }),
            before);
  EXPECT_NE(fingerprint_with([](v1::EventT& event) {
              event.tenant = "acm";
              event.service = "eweb";
            }),
            before);
}

TEST(Fingerprint, ThePayloadsTypeCounts) {
  const auto with = [](auto payload) {
    return fingerprint_with([&](v1::EventT& event) { event.payload.Set(payload); });
  };
  EXPECT_NE(with(v1::ServiceExitedT()), with(v1::ServiceStoppedT()));
}

TEST(Fingerprint, AnyByteThatIsTrueIsTheSameTrue) {
  v1::EventT event = deployed();
  event.payload.AsServiceDeployed()->replace = true;
  std::string bytes = encode(event);
  auto* payload = static_cast<flatbuffers::Table*>(const_cast<void*>(v1::GetEvent(bytes.data())->payload()));
  ASSERT_TRUE(payload->SetField(v1::ServiceDeployed::VT_REPLACE, std::uint8_t{2}));
  EXPECT_EQ(request_fingerprint(*view_event(bytes).value()), request_fingerprint(event));
}

TEST(Fingerprint, LongContentIsHashedWhole) {
  const auto with_code = [](std::string code) {
    return fingerprint_with([&](v1::EventT& event) { event.payload.AsServiceDeployed()->spec->code = code; });
  };
  // Around the size where the hash leaves its short form.
  for (const std::size_t size : {1900U, 2000U, 2040U, 2048U, 2100U, 500'000U}) {
    std::string code(size, 'x');
    const Hash128 before = with_code(code);
    code.back() = 'y';
    EXPECT_NE(with_code(code), before) << size;
    code.back() = 'x';
    code.front() = 'y';
    EXPECT_NE(with_code(code), before) << size;
  }
}

TEST(Fingerprint, TheHashIsWhatItEverWas) {
  // Stored in outcomes and digests: these values may not change.
  EXPECT_EQ(to_string(request_fingerprint(deployed())), "a14fc9167d2ce79e7523dfa20bf23336");
  EXPECT_EQ(to_string(fingerprint_with(
                [](v1::EventT& event) { event.payload.AsServiceDeployed()->spec->code = std::string(5000, 'x'); })),
            "996e1ab0d3b21b439fb59ceefad92aa6");
}

RC_GTEST_PROP(Fingerprint, WhatIsAddedCanBeTakenAway,
              (std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d)) {
  const Hash128 left{a, b}, right{c, d};
  Hash128 sum = left;
  sum += right;
  Hash128 other = right;
  other += left;
  RC_ASSERT(sum == other);
  sum -= right;
  RC_ASSERT(sum == left);
  RC_ASSERT(Hash128::from_bytes(left.bytes().data()) == left);
}

TEST(Fingerprint, SumsCarryBetweenTheHalves) {
  Hash128 hash{~std::uint64_t{0}, 5};
  hash += {1, 0};
  EXPECT_EQ(hash, (Hash128{0, 6}));
  hash -= {1, 0};
  EXPECT_EQ(hash, (Hash128{~std::uint64_t{0}, 5}));
  EXPECT_EQ(to_string(Hash128{0x1, 0xab}), "00000000000000ab0000000000000001");
}

}  // namespace
}  // namespace solo::schemas

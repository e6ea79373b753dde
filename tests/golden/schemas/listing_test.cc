// The schemas against their committed listing. FlatBuffers' own `flatc --conform` misses fields deleted at the end of a
// table and deleted enum values; this does not.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/golden/schemas/golden_file.h"
#include "tests/support/schema_names.h"

namespace solo::test {
namespace {

using reflection::BaseType;
using reflection::Schema;

std::string scalar_name(BaseType type) {
  static const char* const kNames[] = {"none", "utype", "bool",  "byte",   "ubyte",  "short",  "ushort", "int",  "uint",
                                       "long", "ulong", "float", "double", "string", "vector", "table",  "union"};
  return kNames[type];
}

std::string type_name(const Schema& schema, BaseType base, std::int32_t index) {
  if (base == reflection::Obj) return short_name(schema.objects()->Get(static_cast<std::uint32_t>(index))->name());
  if (index < 0) return scalar_name(base);
  return scalar_name(base) + ":" + short_name(schema.enums()->Get(static_cast<std::uint32_t>(index))->name());
}

std::string type_name(const Schema& schema, const reflection::Type& type) {
  if (type.base_type() == reflection::Vector) return "[" + type_name(schema, type.element(), type.index()) + "]";
  return type_name(schema, type.base_type(), type.index());
}

// Fields by id, whatever order the compiled schema lists them in.
std::vector<const reflection::Field*> fields_of(const reflection::Object& object) {
  std::vector<const reflection::Field*> fields(object.fields()->begin(), object.fields()->end());
  std::sort(fields.begin(), fields.end(), [](const auto* left, const auto* right) { return left->id() < right->id(); });
  return fields;
}

std::vector<std::string> listing() {
  std::vector<std::string> lines;
  std::set<std::string> seen;
  const auto add = [&](const std::string& line) {
    if (seen.insert(line).second) lines.push_back(line);
  };
  for (const Schema* schema : frozen_schemas()) {
    add("root " + short_name(schema->root_table()->name()) + " " + schema->file_ident()->str());
    for (const reflection::Enum* one : *schema->enums()) {
      const std::string kind =
          one->is_union() ? "union " : "enum " + scalar_name(one->underlying_type()->base_type()) + " ";
      for (const reflection::EnumVal* value : *one->values()) {
        add(kind + short_name(one->name()) + " " + std::to_string(value->value()) + " " + value->name()->str());
      }
    }
    for (const reflection::Object* object : *schema->objects()) {
      const std::string table = "table " + short_name(object->name());
      add(table);
      for (const reflection::Field* field : fields_of(*object)) {
        add(table + " " + std::to_string(field->id()) + " " + field->name()->str() + " " +
            type_name(*schema, *field->type()));
      }
    }
  }
  return lines;
}

TEST(Listing, NothingThatWasGivenOutIsGoneOrChanged) {
  const std::vector<std::string> now = listing();
  const std::vector<std::string> released = golden_lines("schema.txt");
  ASSERT_FALSE(released.empty() && !adding());
  for (const std::string& line : released) {
    EXPECT_NE(std::find(now.begin(), now.end(), line), now.end())
        << "deleted, moved, renamed or of another type: " << line
        << "\nlogs and clients have it; add beside it instead";
  }
}

TEST(Listing, WhatIsNewIsListed) {
  const std::vector<std::string> released = golden_lines("schema.txt");
  for (const std::string& line : listing()) {
    if (std::find(released.begin(), released.end(), line) != released.end()) continue;
    if (adding()) {
      append_golden("schema.txt", line + "\n");
    } else {
      ADD_FAILURE() << "not in tests/golden/v1/schema.txt: " << line << "\n" << kHowToAdd;
    }
  }
}

class EveryField : public testing::Test {
 protected:
  template <class Visit>
  void each(Visit visit) {
    for (const Schema* schema : all_schemas()) {
      for (const reflection::Object* object : *schema->objects()) {
        for (const reflection::Field* field : *object->fields()) {
          SCOPED_TRACE(object->name()->str() + "." + field->name()->str());
          visit(*object, *field);
        }
      }
    }
  }
};

TEST_F(EveryField, IsZeroByDefaultSoThatAbsentAndZeroAreOne) {
  each([](const reflection::Object&, const reflection::Field& field) {
    EXPECT_EQ(field.default_integer(), 0);
    EXPECT_FALSE(field.optional() && field.type()->base_type() <= reflection::Double) << "optional scalar";
    EXPECT_FALSE(field.required()) << "a required field can never be left out again";
  });
}

TEST_F(EveryField, IsOfATypeThatHashAndJsonKnow) {
  each([](const reflection::Object& object, const reflection::Field& field) {
    EXPECT_FALSE(object.is_struct());
    for (const BaseType type : {field.type()->base_type(), field.type()->element()}) {
      EXPECT_NE(type, reflection::Float);
      EXPECT_NE(type, reflection::Double);
      EXPECT_NE(type, reflection::Array);
    }
    EXPECT_NE(field.type()->element(), reflection::Union);
    EXPECT_NE(field.type()->element(), reflection::Vector);
  });
}

TEST_F(EveryField, IsInForce) {
  each([](const reflection::Object&, const reflection::Field& field) {
    EXPECT_FALSE(field.deprecated()) << "a deprecated field has no accessor, so old bytes lose it";
  });
}

TEST(Schemas, EveryEnumBeginsAtZeroWithAValueThatCanStandForNotGiven) {
  for (const Schema* schema : all_schemas()) {
    for (const reflection::Enum* one : *schema->enums())
      EXPECT_EQ(one->values()->Get(0)->value(), 0) << one->name()->str();
  }
}

}  // namespace
}  // namespace solo::test

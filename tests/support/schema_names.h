// The schemas as flatc compiled them, for tests that go over all of them.
#pragma once

#include <flatbuffers/reflection_generated.h>

#include <set>
#include <string>
#include <vector>

#include "schemas/generated/event_bfbs_generated.h"
#include "schemas/generated/reply_bfbs_generated.h"
#include "schemas/generated/request_bfbs_generated.h"
#include "schemas/generated/view_bfbs_generated.h"

namespace solo::test {

/// Without its namespace.
inline std::string short_name(const flatbuffers::String* name) {
  const std::string text = name->str();
  return text.substr(text.rfind('.') + 1);
}

/// event, request and reply: frozen once released. view: may change with the views' layout.
inline std::vector<const reflection::Schema*> frozen_schemas() {
  return {reflection::GetSchema(v1::EventBinarySchema::data()), reflection::GetSchema(v1::RequestBinarySchema::data()),
          reflection::GetSchema(v1::ReplyBinarySchema::data())};
}

inline std::vector<const reflection::Schema*> all_schemas() {
  auto schemas = frozen_schemas();
  schemas.push_back(reflection::GetSchema(v1::ServiceRecordBinarySchema::data()));
  return schemas;
}

inline std::vector<std::string> table_names() {
  std::set<std::string> names;
  for (const reflection::Schema* schema : all_schemas()) {
    for (const reflection::Object* object : *schema->objects()) names.insert(short_name(object->name()));
  }
  return {names.begin(), names.end()};
}

}  // namespace solo::test

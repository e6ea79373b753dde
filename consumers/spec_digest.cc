#include "consumers/spec_digest.h"

#include "schemas/fingerprint.h"
#include "schemas/schemas.h"

namespace solo::consumers {

std::string spec_digest(const v1::SpecT& spec) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(v1::Spec::Pack(builder, &spec));
  const auto* table = flatbuffers::GetRoot<flatbuffers::Table>(builder.GetBufferPointer());
  return schemas::to_string(schemas::hash_fields({}, table, v1::SpecTypeTable()));
}

}  // namespace solo::consumers

#include "schemas/codec.h"

#include <gtest/gtest.h>

#include "schemas/json.h"
#include "schemas/schemas.h"

namespace solo::schemas {
namespace {

v1::RequestT deploy_request() {
  v1::DeployT deploy;
  deploy.service = "web";
  v1::SpecT spec;
  spec.format = v1::Format::exec;
  spec.argv = {"/bin/sleep", "60"};
  v1::EnvVarT variable;
  variable.name = "PORT";
  variable.value = "8080";
  spec.env.emplace_back(variable);
  deploy.spec = spec;
  v1::RequestT request;
  request.id = "1";
  request.tenant = "acme";
  request.body.Set(deploy);
  return request;
}

TEST(Codec, ARequestSurvivesTheRoundTrip) {
  const v1::RequestT request = deploy_request();
  auto decoded = decode_request(encode(request));
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, request);
}

TEST(Codec, ARequestSurvivesTheRoundTripThroughJson) {
  const v1::RequestT request = deploy_request();
  JsonCodec codec;
  const std::string json = codec.to_json(request);
  auto decoded = codec.request_from_json(json);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(*decoded, request) << json;
}

}  // namespace
}  // namespace solo::schemas

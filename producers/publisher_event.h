// From the publisher's plain structs to an Event buffer, by the rules of apply. For publisher*.cc alone. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "producers/publisher.h"
#include "schemas/result.h"

namespace solo::publisher {

/// `now_us` stands in for a time that is not given. The record's key is the event's tenant. Errors as check()'s.
schemas::Result<std::string> encode(const Event& event, std::int64_t now_us);

Error to_public(const schemas::Error& error);

}  // namespace solo::publisher

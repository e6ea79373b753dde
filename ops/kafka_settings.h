// Settings of librdkafka as an operator gives them: `[log.kafka.properties]`. A value may stand for one that is
// elsewhere, so that no secret stands in the file or on a command line:
//
//   env:VARIABLE   what the environment variable holds
//   file:PATH      what the file holds, less the line feed at its end
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "ops/config.h"
#include "producers/kafka_options.h"
#include "schemas/result.h"

namespace solo::ops {

/// Does it stand for something elsewhere?
bool is_reference(std::string_view value);

/// Every name is a setting that is left to the operator, every value that stands for itself one that it takes.
schemas::Result<void> check_kafka_names(const Setting::Names& names);

/// NAME=VALUE divided by spaces, checked.
schemas::Result<Setting::Names> read_kafka_names(std::string_view text);

/// The values themselves. not_found: a variable or a file is missing; the message names it, never what it holds.
schemas::Result<Setting::Names> resolve_kafka_names(const Setting::Names& names,
                                                    const std::function<const char*(const std::string&)>& lookup);

/// All that the log needs of the configuration.
schemas::Result<producers::KafkaOptions> kafka_options(const Config& config,
                                                       const std::function<const char*(const std::string&)>& lookup);

}  // namespace solo::ops

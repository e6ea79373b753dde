// How the commands that speak to Kafka themselves are told where it is: options that several of them share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ops/args.h"
#include "producers/kafka_options.h"
#include "schemas/result.h"

namespace solo::ops {

class KafkaAccess {
 public:
  /// Bound to this object.
  std::vector<Option> options();

  /// Was a broker named, on the command line or by the variable?
  bool named() const;
  bool on_command_line() const { return bootstrap_.has_value(); }

  /// --kafka, else SOLO_LOG_KAFKA_BOOTSTRAP. invalid_argument: neither, a cluster that is no name, or a setting that is
  /// none; not_found: a variable or a file that a value stands for is missing. A value never stands in the message.
  schemas::Result<producers::KafkaOptions> kafka() const;

 private:
  std::string bootstrap() const;

  std::optional<std::string> bootstrap_;
  std::string cluster_ = "solo";
  std::vector<std::string> properties_;
  std::optional<std::string> file_;
};

/// NAME=VALUE lines; empty ones and those that begin with # are skipped.
schemas::Result<std::vector<std::string>> read_properties(const std::string& path);

}  // namespace solo::ops

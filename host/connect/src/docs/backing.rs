//! Which tests show what the tables of the page say. `replay:id` is a recorded scenario, `e2e::connect::…` runs the real binary.

/// Operation, verdict, tests.
pub(super) const ENDPOINTS: &[(&str, &str, &str)] = &[
    ("GET /", "honoured; the commit is ours", "replay:root-get replay:root-head"),
    ("GET /health", "honoured", "replay:health-get rest::tests::a_worker_that_still_starts_says_so"),
    (
        "GET /connectors",
        "honoured, with `expand=info` and `expand=status`",
        "replay:connectors-list-two replay:connectors-expand-info-expand-status rest::tests::five_hundred_connectors_are_listed_with_their_states_and_configs",
    ),
    (
        "POST /connectors",
        "honoured, with `initial_state`; the login to Snowflake is tried",
        "replay:create-201 replay:create-initial-state-paused rest::tests::two_posts_of_one_name_are_answered_201_and_409 e2e::connect::a_bad_configuration_is_refused_and_harms_no_running_connector",
    ),
    (
        "GET /connectors/{connector}",
        "honoured; secrets are masked",
        "replay:unknown-connector-get rest::tests::a_connector_of_any_name_can_be_addressed_and_deleted",
    ),
    (
        "DELETE /connectors/{connector}",
        "honoured",
        "replay:delete-204 replay:delete-and-create-again e2e::connect::the_first_users_connector_runs_survives_a_restart_and_ends",
    ),
    (
        "GET /connectors/{connector}/config",
        "honoured; secrets are masked",
        "rest::tests::a_configuration_comes_back_as_it_was_given_in_its_order rest::tests::a_masked_configuration_can_be_validated_and_put_as_a_user_interface_does",
    ),
    (
        "PUT /connectors/{connector}/config",
        "honoured",
        "replay:put-config-create-201 replay:put-config-update-200 herder::tests::a_refused_configuration_leaves_the_running_one_alone",
    ),
    (
        "PATCH /connectors/{connector}/config",
        "honoured; it cannot change the name",
        "replay:patch-config-200 replay:patch-config-odd herder::tests::a_patch_is_made_of_the_configuration_that_is_stored_when_it_is_taken",
    ),
    (
        "GET /connectors/{connector}/status",
        "honoured; a task that waits for something is RUNNING with a trace",
        "replay:connectors-expand-status herder::tests::a_stall_is_told_by_a_task_that_runs e2e::connect::a_stalled_snowflake_is_told_in_the_status_and_goes_away_with_its_cause",
    ),
    (
        "POST /connectors/{connector}/restart",
        "honoured, with `includeTasks` and `onlyFailed`; tasks restart together",
        "replay:restart-failed-connector replay:restart-flags",
    ),
    (
        "PUT /connectors/{connector}/pause",
        "honoured: nothing is read, and it outlives a restart",
        "replay:pause-resume e2e::connect::a_paused_connector_loads_nothing_until_it_is_resumed",
    ),
    (
        "PUT /connectors/{connector}/resume",
        "honoured",
        "replay:pause-resume herder::tests::a_paused_connector_has_no_pipeline_and_takes_a_new_configuration_only_when_it_resumes",
    ),
    (
        "PUT /connectors/{connector}/stop",
        "honoured: no tasks are left",
        "replay:offsets-stopped herder::tests::a_connector_can_be_stopped_while_a_new_configuration_is_being_checked",
    ),
    ("GET /connectors/{connector}/tasks", "honoured; secrets are masked", "replay:tasks-four"),
    ("GET /connectors/{connector}/tasks/{task}/status", "honoured", "replay:task-status-odd replay:tasks-four"),
    (
        "POST /connectors/{connector}/tasks/{task}/restart",
        "honoured; the pipeline of the task restarts",
        "replay:restart-failed-task rest::tests::a_task_of_a_stopped_connector_cannot_be_restarted",
    ),
    (
        "GET /connectors/{connector}/topics",
        "honoured",
        "replay:topics rest::tests::topics_are_not_told_where_the_worker_does_not_track_them e2e::connect::the_first_users_connector_runs_survives_a_restart_and_ends",
    ),
    ("PUT /connectors/{connector}/topics/reset", "honoured", "replay:topics"),
    ("GET /connectors/{connector}/offsets", "honoured: the group's own", "replay:offsets-get replay:offsets-never-ran"),
    (
        "PATCH /connectors/{connector}/offsets",
        "honoured, and the channels' offset tokens move along",
        "replay:offsets-stopped replay:offsets-bad-bodies e2e::connect::altered_offsets_move_the_channels_too_and_records_are_read_again_or_passed_over",
    ),
    (
        "DELETE /connectors/{connector}/offsets",
        "honoured, in Kafka and in Snowflake",
        "replay:offsets-stopped e2e::connect::reset_offsets_are_forgotten_in_kafka_and_in_snowflake",
    ),
    ("GET /connector-plugins", "honoured; `connectorsOnly=false` lists the rest", "replay:plugins replay:plugins-all"),
    (
        "GET /connector-plugins/{plugin}/config",
        "honoured, the documentation in our words",
        "replay:plugin-config-alias validate::tests::original::the_keys_of_a_connector_are_listed_as_the_original_lists_them",
    ),
    (
        "PUT /connector-plugins/{plugin}/config/validate",
        "honoured; more is found at once",
        "replay:validate-valid replay:validate-many-errors",
    ),
    ("GET /admin/loggers", "honoured, with our loggers", "replay:loggers-get"),
    ("GET /admin/loggers/{logger}", "honoured", "replay:loggers-get-root replay:loggers-get-unknown"),
    ("PUT /admin/loggers/{logger}", "honoured", "replay:loggers-put"),
    ("GET /livez", "ours", "watch::tests::a_process_without_any_pipeline_is_alive_and_ready"),
    (
        "GET /readyz",
        "ours",
        "watch::tests::failed_and_stalled_pipelines_are_named_with_their_reason_and_the_process_stays_alive guard::tests::access::anyone_learns_whether_the_gateway_is_ready_and_those_who_may_come_in_why_not",
    ),
    (
        "GET /metrics",
        "ours, for Prometheus",
        "watch::tests::metrics::the_list_of_metrics_is_the_one_that_dashboards_and_alarms_know",
    ),
    ("GET /ui", "ours", "watch::tests::every_file_that_the_page_and_its_scripts_name_is_served_with_its_type"),
    ("GET /ui/data", "ours", "watch::tests::the_data_is_the_snapshot"),
    ("GET /openapi.json", "ours", "openapi::tests::every_operation_of_the_interface_is_described_and_no_other"),
];

/// Keys with tests of their own; the others are held to the recordings of the original.
pub(super) const KEYS: &[(&str, &str)] = &[
    ("key.converter.", "converter::tests::keys_are_those_of_the_original"),
    ("value.converter.", "converter::tests::keys_are_those_of_the_original"),
    ("header.converter.", "converter::tests::keys_are_those_of_the_original"),
    (
        "transforms.",
        "smt::tests::the_keys_of_every_transform_are_those_of_the_original validate::tests::transforms::a_class_that_is_not_here_is_refused_with_what_to_use_instead",
    ),
    ("predicates.", "validate::tests::transforms::a_sink_is_validated_as_kafka_validates_it"),
    (
        "consumer.override.",
        "connector::tests::overrides_reach_the_consumer_and_decide_where_it_starts java_client::tests::every_row_does_what_it_says",
    ),
    ("producer.override.", "java_client::tests::every_row_does_what_it_says"),
    ("snowgate.", "validate::tests::transforms::what_a_changed_routing_does_is_one_of_two_words"),
    ("admin.override.", "verdicts::tests::every_key_has_one_verdict_and_every_verdict_a_key"),
    ("name", "e2e::connect::the_first_users_connector_runs_survives_a_restart_and_ends"),
    ("connector.class", "validate::tests::a_connector_answers_to_three_names"),
    ("tasks.max", "connector::tests::a_configuration_of_version_3_that_streams replay:tasks-four"),
    ("key.converter", "converter::tests::every_class_can_be_configured_and_names_itself road::tests::a_numeric_key_is_a_number"),
    ("value.converter", "converter::tests::every_class_can_be_configured_and_names_itself road::tests::an_envelope_is_opened"),
    ("header.converter", "road::tests::headers_are_typed_or_text_as_the_line_has_them"),
    (
        "transforms",
        "e2e::connect::transforms_change_the_rows_and_the_table_as_in_connect e2e::connect::a_plugin_takes_a_jars_place_in_the_chain",
    ),
    ("predicates", "validate::tests::transforms::a_transform_with_a_predicate_that_is_not_listed_is_refused"),
    (
        "errors.tolerance",
        "connector::tests::switches_do_what_they_say e2e::connect::a_record_that_cannot_be_converted_fails_its_task_with_the_reason_and_loses_nothing",
    ),
    ("errors.log.enable", "e2e::connect::failed_records_are_logged_where_that_is_asked_for_and_with_their_error_where_that_is"),
    (
        "errors.log.include.messages",
        "e2e::connect::failed_records_are_logged_where_that_is_asked_for_and_with_their_error_where_that_is",
    ),
    ("snowflake.streaming.max.client.lag", "connector::tests::rows_wait_half_a_second_however_long_the_client_may_lag"),
    ("topics", "connector::tests::a_configuration_of_version_3_that_streams"),
    ("topics.regex", "e2e::connect::a_connector_by_pattern_reads_the_topics_that_match"),
    ("errors.deadletterqueue.topic.name", "e2e::connect::a_dead_letter_carries_connects_headers"),
    ("errors.deadletterqueue.topic.replication.factor", "connector::tests::switches_do_what_they_say"),
    ("errors.deadletterqueue.context.headers.enable", "e2e::connect::a_dead_letter_carries_connects_headers"),
    ("snowflake.url.name", "connector::tests::an_address_becomes_a_url_with_a_scheme_and_without_a_path"),
    ("snowflake.user.name", "e2e::connect::a_bad_configuration_is_refused_and_harms_no_running_connector"),
    ("snowflake.private.key", "connector::private_key::tests::every_form_of_one_key_becomes_the_same_pkcs8_pem"),
    ("snowflake.private.key.passphrase", "connector::private_key::tests::an_encrypted_key_stays_encrypted"),
    ("snowflake.database.name", "e2e::connect::a_bad_configuration_is_refused_and_harms_no_running_connector"),
    ("snowflake.schema.name", "e2e::connect::a_bad_configuration_is_refused_and_harms_no_running_connector"),
    (
        "snowflake.role.name",
        "connector::tests::a_configuration_of_version_3_that_streams validate::tests::file_mode_needs_no_role_and_takes_snowflakes_own_json_converter",
    ),
    ("jvm.proxy.host", "connector::tests::a_proxy_is_used_unless_the_account_is_reached_without"),
    ("jvm.proxy.port", "connector::tests::a_proxy_is_used_unless_the_account_is_reached_without"),
    ("jvm.nonProxy.hosts", "connector::tests::a_proxy_is_used_unless_the_account_is_reached_without"),
    ("jvm.proxy.username", "connector::tests::a_proxy_is_used_unless_the_account_is_reached_without"),
    ("jvm.proxy.password", "connector::tests::a_proxy_is_used_unless_the_account_is_reached_without"),
    (
        "snowflake.topic2table.map",
        "topic_map::tests::a_topic_finds_its_table_by_name_or_by_a_pattern_for_the_whole_name topic_map::tests::a_table_in_quotes_keeps_its_case_in_version_4 topic_map::tests::a_qualified_table_is_refused_in_version_3",
    ),
    ("snowflake.topic2table.map.regex.replacement", "topic_map::tests::groups_of_the_pattern_are_filled_in_only_with_the_switch"),
    ("snowflake.metadata.all", "connector::tests::each_switch_of_the_metadata_turns_off_its_own_part"),
    ("snowflake.metadata.createtime", "connector::tests::each_switch_of_the_metadata_turns_off_its_own_part"),
    ("snowflake.metadata.topic", "connector::tests::each_switch_of_the_metadata_turns_off_its_own_part"),
    ("snowflake.metadata.offset.and.partition", "connector::tests::each_switch_of_the_metadata_turns_off_its_own_part"),
    (
        "snowflake.streaming.metadata.connectorPushTime",
        "connector::tests::each_switch_of_the_metadata_turns_off_its_own_part connector::tests::file_mode_makes_the_rows_of_files",
    ),
    (
        "snowflake.feature.structured.headers",
        "rows::tests::a_headers_value_is_typed_in_version_3_and_text_in_version_4_unless_structured",
    ),
    ("behavior.on.null.values", "connector::tests::switches_do_what_they_say"),
    (
        "snowflake.enable.schematization",
        "connector::tests::switches_do_what_they_say connector::tests::version_4_has_its_own_defaults",
    ),
    ("snowflake.compatibility.enable.autogenerated.table.name.sanitization", "connector::tests::version_4_has_its_own_defaults"),
    ("snowflake.autocreate.table.type", "connector::tests::version_4_has_its_own_defaults"),
    ("snowflake.ingestion.method", "connector::tests::file_mode_makes_the_rows_of_files"),
    ("buffer.size.bytes", "connector::tests::a_configuration_of_version_3_that_streams"),
    ("snowflake.streaming.channel.name.include.connector.name", "connector::tests::switches_do_what_they_say"),
    (
        "snowflake.streaming.validate.compatibility.with.classic",
        "validate::tests::a_configuration_made_for_version_4_runs_as_it_says",
    ),
    ("snowflake.streaming.classic.offset.migration", "validate::tests::a_configuration_made_for_version_4_runs_as_it_says"),
    ("jmx", "watch::tests::metrics::every_line_of_a_scrape_is_of_its_format_and_every_metric_is_there"),
    (
        "snowflake.streaming.metrics.prometheus.enable",
        "watch::tests::metrics::every_line_of_a_scrape_is_of_its_format_and_every_metric_is_there",
    ),
    (
        "snowflake.streaming.metrics.prometheus.port",
        "watch::tests::metrics::every_line_of_a_scrape_is_of_its_format_and_every_metric_is_there",
    ),
    (
        "snowflake.streaming.metrics.prometheus.host",
        "watch::tests::metrics::every_line_of_a_scrape_is_of_its_format_and_every_metric_is_there",
    ),
];

const SOURCES: &str = "worker::tests::the_section_a_properties_file_and_the_environment_give_the_same_settings";
const CONVERTER: &str = "worker::tests::a_converter_that_is_named_keeps_kafkas_default_for_schemas";
const PROTECTED: &str = "worker::tests::a_listener_that_others_reach_needs_protection";
const OVERRIDES: &str = "worker::tests::override_policies_refuse_in_the_originals_words";
const TRACKING: &str = "rest::tests::topics_are_not_told_where_the_worker_does_not_track_them";
const PROVIDERS: &str = "providers::tests::a_provider_without_its_list_refuses_everything_and_names_the_setting";
const JAVA: &str = "java_client::tests::every_row_does_what_it_says";

/// Worker properties with tests of their own.
pub(super) const WORKER: &[(&str, &str)] = &[
    ("bootstrap.servers", SOURCES),
    ("group.id", SOURCES),
    ("key.converter", CONVERTER),
    ("key.converter.*", CONVERTER),
    ("value.converter", CONVERTER),
    ("value.converter.*", CONVERTER),
    ("listeners", PROTECTED),
    ("rest.advertised.host.name", SOURCES),
    ("rest.port", "worker::tests::rest_port_alone_stays_on_loopback_and_says_so"),
    ("admin.listeners", "worker::tests::the_admin_paths_follow_their_listeners replay:alt-admin-off-404"),
    ("rest.extension.classes", "worker::tests::connects_own_extension_reads_its_users_through_the_login_file"),
    ("access.control.allow.origin", "worker::tests::every_page_may_use_us_only_behind_a_password replay:alt-cors-preflight"),
    ("access.control.allow.methods", "guard::tests::access::pages_in_the_list_get_cors_headers_as_connect_gives_them"),
    (
        "response.http.headers.config",
        "guard::tests::access::configured_headers_are_on_every_answer_also_on_refusals replay:alt-response-headers",
    ),
    ("listeners.https.*", "worker::tests::https_needs_pem_files"),
    ("topic.tracking.enable", TRACKING),
    ("topic.tracking.allow.reset", TRACKING),
    ("plugin.path", "validate::tests::transforms::a_wasm_plugin_may_be_named_from_a_folder_of_the_plugin_path"),
    ("connector.client.config.override.policy", OVERRIDES),
    ("connector.client.config.override.allowlist", OVERRIDES),
    ("config.providers", PROVIDERS),
    ("config.providers.*", PROVIDERS),
    (
        "consumer.*",
        "worker::tests::the_worker_starts_consumers_where_its_properties_say java_client::tests::every_row_does_what_it_says",
    ),
    ("producer.*", JAVA),
    ("security.protocol", "worker::tests::a_sasl_protocol_without_a_mechanism_is_refused_for_java_would_take_gssapi"),
    ("sasl.*", "java_client::tests::the_login_module_gives_user_and_password"),
    ("ssl.*", "java_client::tests::stores_become_files_or_texts_by_their_type"),
    ("snowgate.state", SOURCES),
    (
        "snowgate.plugins.watch.ms",
        "worker::tests::an_interval_that_no_file_is_looked_at_by_is_refused \
         e2e::connect::a_connectors_plugin_is_taken_up_by_itself_where_the_workers_properties_say_so",
    ),
    ("snowgate.show.secrets", SOURCES),
    ("snowgate.token.file", "worker::tests::a_token_that_others_can_read_or_guess_is_refused"),
];

/// By simple name; the last is for those that convert one thing.
pub(super) const CONVERTERS: &[(&str, &str)] = &[
    ("JsonConverter", "converter::tests::json_converter_does_what_the_original_does"),
    ("SimpleHeaderConverter", "converter::tests::simple_header_converter_does_what_the_original_does"),
    ("SnowflakeJsonConverter", "converter::tests::snowflakes_json_converter_is_strict_about_numbers_and_never_takes_a_schema"),
    ("", "converter::tests::converters_of_one_thing_do_what_the_originals_do"),
];

pub(super) const REFUSED_CONVERTERS: &[&str] = &[
    "io.confluent.connect.avro.AvroConverter",
    "io.confluent.connect.protobuf.ProtobufConverter",
    "io.confluent.connect.json.JsonSchemaConverter",
    "com.snowflake.kafka.connector.records.SnowflakeAvroConverter",
    "com.snowflake.kafka.connector.records.SnowflakeAvroConverterWithoutSchemaRegistry",
];

/// Clients without a script of their own.
pub(super) const CLIENTS: &[(&str, &str, &str)] = &[
    ("curl", "a POST of the connector's file and its status, until its rows are there", "cargo xtask conformance connect"),
    ("schemathesis", "every operation of `/openapi.json`, with requests made by chance", "cargo xtask conformance openapi"),
];

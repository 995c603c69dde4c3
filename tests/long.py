"""Which cases are `long`: left out of `make test`, played by `make test-long`.

What is proved at each landing is every rule, in some of its forms. Where a test plays one thing in
many forms (orders, moments of a kill, released schemas, answers of a hub, a desktop and a phone),
and these cost seconds, some are short, spread over all of them, and the others long. A test that is
not named here is short. The Makefile alone chooses by this mark: whoever names a test runs it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

NONE = 0
"""Instead of a number: every case is long."""
_SCHEMAS = sorted({each.name[:4] for each in (Path(__file__).parent / "store/golden").iterdir()})
OLDEST_AND_NEWEST = (f"{_SCHEMAS[0]}-", f"{_SCHEMAS[-2]}-", f"{_SCHEMAS[-1]}-")
"""Of released schemas. The last may be the head already, which nothing is brought to."""

Short = int | tuple[str, ...]
"""Which cases are short: the first of so many, again and again; or those with one of these words in
their brackets."""

SHORT: dict[str, dict[str, Short]] = {
    "browser/test_every_page.py": {
        "test_every_page_fits_and_can_be_used_by_everybody": ("phone",),
    },
    "browser/test_from_list_to_notice.py": {
        "test_a_removal_is_imported_found_confirmed_written_about_and_gone": ("desktop",),
    },
    "browser/test_from_nothing.py": {
        "test_a_team_decides_after_one_link_and_one_form": ("phone",),
    },
    "browser/test_leading.py": {
        "test_users_keys_and_the_policy_are_kept_at_a_browser": ("desktop",),
    },
    "browser/test_review.py": {
        "test_a_case_is_found_decided_and_undone": ("without script",),
    },
    "browser/test_serving_for_real.py": {
        "test_the_command_serves_and_ends_in_order": ("postgresql",),
    },
    "browser/test_wrong_pages.py": {
        "test_a_form_that_comes_back_can_be_used_by_everybody": ("phone",),
    },
    "cli/test_cli_audit.py": {
        "test_a_file_that_is_no_head_is_told": 3,
    },
    "cli/test_cli_hub.py": {
        "test_a_repository_may_be_named_by_its_address": 3,
        "test_the_store_is_the_file_that_is_named": 3,
    },
    "cli/test_exit_table.py": {
        "test_it_ends_by_the_table": 7,
    },
    "cli/test_stopping.py": {
        "test_a_verb_at_work_is_stopped": 5,
        "test_a_verb_that_waits_for_a_hub_is_stopped": 5,
    },
    "fuzz/test_fuzz.py": {
        "test_some_inputs_are_taken_and_some_are_refused": 3,
    },
    "gate/test_bench_gate.py": {
        "test_the_quick_benchmark_runs_and_leaves_the_page_alone": NONE,
        "test_the_quick_benchmark_under_attack_runs_and_leaves_the_page_alone": NONE,
    },
    "gate/test_file.py": {
        "test_a_form_of_another_shape_is_refused": 5,
    },
    "gate/test_upload_process.py": {
        "test_a_process_that_ends_takes_its_own_file_with_it_and_no_other": 3,
        "test_when_the_starter_ends_so_do_those_it_started_and_a_new_one_begins": 3,
    },
    "histories/test_hostile_rows.py": {
        "test_a_false_size_hides_nothing": 5,
        "test_a_list_that_ties_a_made_up_hash_to_a_file_blocks_no_honest_row": 3,
        "test_a_xet_hash_in_a_row_accuses_nobody_and_calls_no_hub_a_liar": 5,
        "test_an_altered_copy_stands_on_its_weights_and_the_hub_told_the_truth": 3,
        "test_what_was_learned_by_a_row_that_joined_by_its_link_leaves_with_it": 3,
        "test_without_the_honest_list_a_contradictory_row_shows_nothing": 3,
    },
    "histories/test_known_histories.py": {
        "test_order_does_not_matter": 3,
    },
    "histories/test_lying_hubs.py": {
        "test_what_reading_tells_counts_whatever_the_hub_states": 5,
    },
    "histories/test_side_by_side.py": {
        "test_what_another_lists_meanwhile_is_not_read_as_far_as_this_scan": 3,
    },
    "hostile/test_budgets.py": {
        "test_the_largest_honest_adapter_of_every_model_is_within_the_budgets": 5,
    },
    "hostile/test_bulkheads.py": {
        "test_a_folder_scan_goes_on_and_so_does_the_next": 3,
    },
    "hostile/test_limits_reached.py": {
        "test_a_folder_is_scanned_to_its_end": 3,
        "test_a_header_at_a_hub_is_one_files_trouble": 3,
        "test_a_list_is_read_within_limits_and_nothing_is_written": 3,
        "test_a_list_that_comes_by_a_page_likewise": 3,
        "test_files_are_added_one_by_one": 3,
        "test_other_files_are_checked_and_the_greedy_one_by_its_digests": 3,
    },
    "match/test_checkpoints.py": {
        "test_what_is_baked_in_is_found_and_a_cast_of_the_base_is_nothing": 5,
    },
    "match/test_other_part.py": {
        "test_the_other_part_and_merges_of_it_are_no_copies": 3,
    },
    "match/test_recipes.py": {
        "test_few_files_or_accounts_hide_no_copy": 5,
        "test_strangers_of_one_generator_are_no_copies": 3,
    },
    "operations/test_asking.py": {
        "test_fifty_thousand_are_asked_for_in_five_questions": NONE,
        "test_the_class_that_is_never_read_is_not_asked_for": 5,
    },
    "operations/test_bases.py": {
        "test_a_base_hides_nothing_that_is_removed_later": 3,
    },
    "operations/test_campaign_work.py": {
        "test_a_long_look_keeps_nothing_else_waiting_and_is_one": 3,
        "test_the_worker_finds_them_and_says_so_to_nobody_who_asks_for_scans": 3,
    },
    "operations/test_checkpoints_read.py": {
        "test_a_base_told_by_some_layers_judges_no_file_of_which_the_others_are_not_read": 3,
        "test_it_is_found_whatever_came_first": 5,
    },
    "operations/test_class_of_added_archives.py": {
        "test_in_any_order_and_taken_back": 5,
        "test_what_was_added_elsewhere_too_stays_in_use": 5,
    },
    "operations/test_class_of_archives.py": {
        "test_a_file_that_is_of_the_class_itself": 5,
        "test_a_model_in_several_files_of_which_one_is_of_the_class": 5,
        "test_in_any_order_and_taken_back": 5,
        "test_what_stands_elsewhere_too_teaches_all_the_same": 3,
    },
    "operations/test_class_of_one_file.py": {
        "test_said_and_taken_back_and_said_again": 3,
    },
    "operations/test_class_of_shards.py": {
        "test_in_any_order": 3,
        "test_the_whole_is_out_of_use_while_one_of_its_files_is_of_the_class": 3,
    },
    "operations/test_classes.py": {
        "test_said_later_it_takes_what_was_read_out_of_use_and_back": 3,
    },
    "operations/test_files_together.py": {
        "test_what_a_file_adds_up_to_with_a_third_stays_in_any_order": 5,
    },
    "operations/test_hints_in_any_order.py": {
        "test_a_lead_is_one_again_when_what_was_known_of_the_file_is_withdrawn": 7,
        "test_a_name_and_a_short_digest_stand_beside_what_is_proved": 5,
    },
    "operations/test_innocents.py": {
        "test_acts_in_any_order_end_as_a_fresh_start": 3,
    },
    "operations/test_log_check.py": {
        "test_an_honest_store_agrees": 3,
        "test_what_was_changed_by_hand_is_found": 7,
    },
    "operations/test_order.py": {
        "test_a_list_imported_after_a_scan_finds_what_it_found_before": 3,
        "test_a_restored_removal_finds_what_was_seen_meanwhile": 3,
    },
    "operations/test_reading.py": {
        "test_a_webhook_asks_the_same_whatever_was_asked_before": 3,
        "test_what_is_owed_after_an_import_is_read_by_the_worker": 3,
    },
    "operations/test_schedules.py": {
        "test_a_look_at_what_is_new_begins_where_the_last_one_ended": 3,
    },
    "operations/test_seal.py": {
        "test_killed_at_any_moment_it_is_run_again": 5,
    },
    "operations/test_worker.py": {
        "test_a_job_goes_to_the_hub_that_it_names": 3,
        "test_a_recheck_comes_by_itself_where_there_is_something_to_ask_about": 3,
        "test_a_recheck_says_what_is_gone": 3,
        "test_what_goes_wrong_in_the_house_does_not_end_the_worker": 3,
    },
    "registry/lists/test_bounds.py": {
        "test_no_list_takes_more_than_its_share_of_256_mib": ("read soon",),
    },
    "registry/lists/test_shapes.py": {
        "test_every_file_becomes_a_removal_and_no_value_is_said": 7,
        "test_importing_a_shape_twice_changes_nothing": 7,
    },
    "registry/test_claims.py": {
        "test_a_hostile_row_harms_nobody_in_any_order": 5,
    },
    "registry/test_imports.py": {
        "test_a_row_is_taken_or_rejected_for_ever": 5,
    },
    "registry/test_list_order.py": {
        "test_in_any_order_of_lists_the_same_is_known": 3,
    },
    "review/test_notices.py": {
        "test_in_no_order_a_file_comes_into_two_open_notices": 5,
    },
    "review/test_ten_reviewers.py": {
        "test_ten_reviewers_at_once": 3,
    },
    "scan/test_every_hub.py": {
        "test_a_storm_of_refusals_loses_nothing": 3,
        "test_what_is_known_is_not_looked_at_again": 3,
        "test_whatever_it_answers_the_scan_ends_in_one_line": 7,
    },
    "scan/test_folder.py": {
        "test_stopping_it_leaves_no_process_behind": 3,
    },
    "scan/test_owed.py": {
        "test_a_list_that_comes_after_a_scan_is_read_by_the_next": 3,
        "test_a_list_that_comes_after_a_scan_is_read_without_a_walk": 3,
        "test_in_whatever_order_a_hub_is_visited": 5,
    },
    "scan/test_recheck.py": {
        "test_a_renamed_repository_is_one_sighting_that_moved": 3,
    },
    "scan/test_scan_order.py": {
        "test_nothing_is_left_out_and_the_same_is_found_in_any_order": 5,
        "test_stopped_at_any_moment_it_goes_on": 3,
    },
    "scan/test_shared_quota.py": {
        "test_all_of_it_is_used_and_none_is_refused": 3,
    },
    "scan/test_sweep_run.py": {
        "test_a_run_that_is_stopped_goes_on_where_it_was": 3,
        "test_shards_imported_in_any_order_give_the_same_store": 3,
    },
    "scan/test_walk_cases.py": {
        "test_a_storm_changes_nothing_that_is_found": 3,
    },
    "store/test_upgrades.py": {
        "test_it_goes_on_working": OLDEST_AND_NEWEST,
        "test_it_is_the_same_as_a_new_one": OLDEST_AND_NEWEST,
        "test_nothing_is_lost_and_the_chain_is_filled": OLDEST_AND_NEWEST,
        "test_one_that_is_stopped_leaves_the_store_as_it_was": OLDEST_AND_NEWEST,
        "test_only_who_asks_upgrades_a_postgresql_store": OLDEST_AND_NEWEST,
        "test_the_verb_says_from_where_to_where": OLDEST_AND_NEWEST,
        "test_what_was_there_is_sealed_by_one_line": OLDEST_AND_NEWEST,
        "test_what_the_removed_file_taught_rests_on_what_its_list_said": 3,
        "test_what_an_innocent_taught_is_taken_out_of_use": 3,
        "test_two_at_once_do_it_once": 3,
    },
    "updates/test_wrapped_names.py": {
        "test_wrappers_that_were_seen_hide_nothing": 5,
    },
    "web/test_administration.py": {
        "test_what_makes_no_user_is_refused": 5,
    },
    "web/test_gets_write_nothing.py": {
        "test_a_page_that_is_fetched_writes_nothing": 3,
    },
    "web/test_hooks.py": {
        "test_what_is_no_webhook_is_refused": 5,
    },
    "web/test_import_pages.py": {
        "test_the_pages_and_the_command_line_come_to_the_same_store": 3,
    },
    "web/test_queue_page.py": {
        "test_the_address_is_the_filter": 5,
    },
    "web/test_scan_pages.py": {
        "test_what_cannot_be_repeated_so_is_said_at_its_field": 3,
    },
    "web/test_search.py": {
        "test_a_digest_of_any_length_finds_its_removal": 5,
        "test_a_name_or_link_is_for_reviewers_and_tells_a_reader_nothing": 3,
    },
    "web/test_second_factor.py": {
        "test_what_ends_sessions_ends_a_sign_in_that_is_under_way": 3,
    },
    "web/test_sockets.py": {
        "test_what_is_no_request_is_refused_and_the_next_one_answered": 5,
    },
    "web/test_wrong_forms.py": {
        "test_a_wrong_form_keeps_what_was_typed_and_marks_the_field": 5,
    },
    "histories/test_histories.py": {
        "test_a_product_without_a_consequence_is_caught": 2,
    },
    "files/test_system_limits.py": {
        "test_what_reaches_a_limit_is_one_files_trouble_and_the_next_begins_anew": 3,
    },
    "scan/test_kills.py": {
        "test_kills_change_nothing": ("few",),
    },
}
"""File -> test -> its short cases."""

ON_BOTH = (
    *("observed/", "registry/", "review/", "store/test_audit_checkpoint.py"),
    *("store/test_change_log.py", "operations/test_campaign", "operations/test_log_check.py"),
    *("operations/test_notifications.py", "operations/test_schedules.py"),
    "operations/test_worker.py",
)
"""Where tests are played on SQLite and on PostgreSQL alike: of those on PostgreSQL every third is
short."""
THIRD = 3


def mark_long(items: Iterable[pytest.Item]) -> None:
    """Mark the cases that are long, of all that were collected."""
    met: Counter[tuple[str, str]] = Counter()
    on_postgresql: Counter[str] = Counter()
    for item in items:
        file, _, case = item.nodeid.removeprefix("tests/").partition("::")
        name, _, words = case.partition("[")
        short = SHORT.get(file, {}).get(name)
        if short is not None and not _is_short(short, met[file, name], words):
            item.add_marker("long")
        elif file.startswith(ON_BOTH) and short is None and "postgresql" in words:
            if on_postgresql[file] % THIRD:
                item.add_marker("long")
            on_postgresql[file] += 1
        met[file, name] += 1


def _is_short(short: Short, number: int, words: str) -> bool:
    if isinstance(short, int):
        return short != NONE and number % short == 0
    return any(each in words for each in short)

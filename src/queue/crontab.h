/* crontab.h — when a schedule comes round: cron lines in a time zone.
 *
 *   "30 2 * * mon-fri"    minute hour day month weekday; lists (1,15), ranges (1-5), steps (N behind a slash: 5/15 is 5, 20, 35, 50), names of months and weekdays, 0 and 7 for Sunday, ? for *
 *   "L", "LW"             as the day: the month's last one, its last from Monday to Friday; "5L", "mon#2" as the weekday: the last Friday, the second Monday
 *   "0 30 2 * * *"        with seconds first
 *   "@daily"              and hourly, weekly, monthly, yearly
 *
 * Day and weekday: when both are restricted, one of them is enough (as cron has it, though for Debian's a step behind * restricts nothing; Celery asks for both: `both_days`).
 *
 * Where clocks change, five fields do what Debian's cron does: a fixed time that the clock skips runs right after the gap, one that it shows twice runs the first time; with * as minute or hour it runs
 * whenever the clock shows it. With seconds it is always the latter. */
// SPDX-License-Identifier: Apache-2.0
#ifndef JB_QUEUE_CRONTAB_H
#define JB_QUEUE_CRONTAB_H

#include "base/scope.h"
#include "base/time.h"

struct jb_crontab {
    uint64_t seconds, minutes;       /* bit n: at n */
    uint32_t hours, days, months;    /* days: 1-31, months: 1-12 */
    uint8_t weekdays, last_weekdays; /* bit 0: Sunday; the last one of the month */
    uint8_t nth_weekdays[7];         /* bit n: the n-th of the month */
    bool last_day, last_workday;     /* L, LW */
    bool any_day, any_weekday;       /* said with * or ? */
    bool both_days;                  /* both must fit */
    bool by_clock;                   /* runs whenever the clock shows the time */
};
/* INVALID says which field and why; also for a day that never comes. */
bool jb_crontab_parse(struct jb_scope *scope, struct jb_str text, struct jb_crontab *ret_crontab);
/* The first time after `after` (whole seconds); zone NULL: UTC. false: none within fifty years. */
bool jb_crontab_next(const struct jb_crontab *crontab, const struct jb_zone *zone, struct jb_time after, struct jb_time *ret_next);

#endif

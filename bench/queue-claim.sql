delete from queue_entries where id in (select id from queue_entries where queue = 'default' and priority = 5 order by run_at, id for update skip locked limit 100);

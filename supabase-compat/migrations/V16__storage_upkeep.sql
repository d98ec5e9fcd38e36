-- Quotas of all owners together, and verdicts about bytes that are no more.
-- Quotas are locked while a constraint is replaced; there are few.

set local role supabase_storage_admin;

alter table storage.quotas
  add column is_total boolean not null default false,
  drop constraint quotas_bucket_id_owner_id_key,
  add constraint quotas_one_each unique nulls not distinct (bucket_id, owner_id, is_total),
  add constraint quotas_total_is_of_nobody check (not is_total or owner_id is null);
comment on column storage.quotas.is_total is 'True: all owners together, and what has none; false: each by themselves.';
comment on table storage.quotas is 'How much may be kept, by each owner or by all together; what would go over is refused.';

delete from storage.scans s
 where not exists (select from storage.blobs b where b.version = s.version);

reset role;

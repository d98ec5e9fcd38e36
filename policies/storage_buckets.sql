-- The buckets of the product; the operator's own are for the operator to show.

drop policy if exists "people see what the buckets of the product take" on storage.buckets;
create policy "people see what the buckets of the product take"
on storage.buckets for select to authenticated
using (id in ('chat', 'avatars'));

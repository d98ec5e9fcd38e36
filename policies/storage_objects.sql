-- Buckets chat and avatars. This table is shared with the operator's own buckets, so it is not reset.

drop policy if exists "who was given a path puts the file there" on storage.objects;
create policy "who was given a path puts the file there"
on storage.objects for insert to authenticated
with check (bucket_id = 'chat' and app.may_upload(name));

-- Nobody overwrites, moves or deletes: a next version has a path of its own, and delete_file removes.
drop policy if exists "members have the files of their conversations" on storage.objects;
create policy "members have the files of their conversations"
on storage.objects for select to authenticated
using (bucket_id = 'chat' and app.may_download(name, version));

drop policy if exists "people put up pictures of themselves, admins of personas" on storage.objects;
create policy "people put up pictures of themselves, admins of personas"
on storage.objects for insert to authenticated
with check (bucket_id = 'avatars' and app.may_dress(name));

-- Everybody sees them by the public address; this is for listing, replacing and deleting one's own.
drop policy if exists "people find their own pictures" on storage.objects;
create policy "people find their own pictures"
on storage.objects for select to authenticated
using (bucket_id = 'avatars' and app.may_dress(name));

drop policy if exists "people replace their own pictures" on storage.objects;
create policy "people replace their own pictures"
on storage.objects for update to authenticated
using (bucket_id = 'avatars' and app.may_dress(name));

drop policy if exists "people delete their own pictures" on storage.objects;
create policy "people delete their own pictures"
on storage.objects for delete to authenticated
using (bucket_id = 'avatars' and app.may_dress(name));

-- Looking for viruses: what waits for a verdict, and what one brings about.

create or replace function app.begin_scan(p_version uuid)
returns text
language plpgsql
security definer set search_path = ''  -- asks for an effect
as $$
begin
  -- Nobody has said that there is a scanner; whoever once had one waits for it, though it be down.
  if not exists (select from storage.scanners) then
    return 'skipped';
  end if;
  perform storage.request_scan(p_version);
  return 'pending';
end
$$;
comment on function app.begin_scan(uuid) is
  'Takes bytes that have arrived; has them looked at, and gives the status that they have until then: pending, or skipped where nothing scans.';

create or replace function app.take_verdict()
returns trigger
language plpgsql
security definer set search_path = ''  -- files are nobody's to write directly
as $$
begin
  perform app.lock_showing(held.file_id)
     from (select distinct v.file_id
             from public.file_versions v
            where v.object_version = new.version
            order by v.file_id) held;
  update public.file_versions v
     set scan_status = case when v.is_raw and new.verdict = 'clean' then 'pending' else new.verdict end,
         scan_engine = new.engine,
         scanned_at = new.at
   where v.object_version = new.version
     and (v.scan_status, v.scan_engine) is distinct from (new.verdict, new.engine);
  if new.verdict = 'infected' and (tg_op = 'INSERT' or old.verdict is distinct from 'infected') then
    perform app.notify(array[v.uploaded_by], 'system', v.conversation_id, p_subject => v.file_id,
                       p_title => 'A file of yours is infected', p_body => format('%s: nobody can have it.', v.name))
       from public.file_versions v
      where v.object_version = new.version;
  end if;
  perform storage.request_picture(new.version, bool_or(v.is_raw))
     from public.file_versions v
    where new.verdict = 'clean'
      and v.object_version = new.version
      and v.width is null
      and app.is_picture(v.mime_type)
   having count(*) > 0;
  return null;
end
$$;
comment on function app.take_verdict() is
  'Trigger: what a scanner said of bytes holds for the versions of files that have them; by that their uploaders learn it, of a virus by a notice, too, and others get what is clean.';

create or replace trigger on_scans_write__take_verdict
after insert or update on storage.scans
for each row execute function app.take_verdict();

-- Notices that leave the house: browsers are woken, mail goes for what was missed.

create or replace function app.is_active(p_user uuid)
returns boolean
language sql stable
security definer set search_path = ''  -- presence is its owner's
as $$
  select exists (
    select
      from app.heartbeats h
     where h.user_id = p_user
       and h.is_there
       and h.active_at > app.now() - interval '60 s'
       and h.at > app.now() - interval '65 s')
$$;
comment on function app.is_active(uuid) is 'Takes a person; tells whether they did something on one of their devices within the minute.';

create or replace function app.notice_words(p_notice public.notifications)
returns table (title text, body text, path text)
language sql stable
security definer set search_path = ''  -- asks as the person whom it is for
as $$
  select case p_notice.kind
           when 'dm' then p.display_name
           when 'mention' then format('%s mentioned you in %s', p.display_name, coalesce(c.title, 'a conversation'))
           when 'reply' then format('%s answered in %s', p.display_name, coalesce(c.title, 'a conversation'))
           when 'reaction' then format('%s: %s', p.display_name, p_notice.title)
           when 'invite' then format('%s invites you to %s', p.display_name, coalesce(p_notice.title, 'a conversation'))
           else coalesce(p_notice.title, initcap(p_notice.kind)) end,
         coalesce(p_notice.body, app.preview(m.body, m.attachments), ''),
         case when c.id is null then '' else replace(app.setting(c.org_id, 'conversation_path') #>> '{}', '{id}', c.id::text) end
    from (select) one
    left join public.profiles p on p.id = p_notice.actor_id
    left join public.conversations c on c.id = p_notice.conversation_id
    left join public.conversation_members k on k.conversation_id = c.id and k.member_id = p_notice.user_id and k.left_at is null
    left join public.messages m on m.conversation_id = k.conversation_id and m.id = p_notice.message_id
                               and m.visibility = 'normal' and m.chapter >= k.joined_chapter
$$;
comment on function app.notice_words(public.notifications) is
  'Takes a notice; gives a line, the words as they stand now and as far as the person may still read them, and the page of the front-end that shows it.';

create or replace function app.push_due()
returns void
language plpgsql
security definer set search_path = ''  -- notices of everybody
as $$
declare
  due record;
  quiet timestamptz;
begin
  for due in
    select o.notification_id, o.user_id, n as notice, n.read_at
      from app.notice_outbox o
      join public.notifications n on n.id = o.notification_id
     where o.push_at <= app.now()
     order by o.push_at
     limit 500
       for update of o skip locked
  loop
    quiet := case when due.read_at is null then app.quiet_until(due.user_id) end;
    if due.read_at is null and quiet is null and not app.is_active(due.user_id) then
      perform walkie.push(due.user_id,
                          jsonb_build_object('notification_id', due.notification_id, 'kind', (due.notice).kind,
                                             'conversation_id', (due.notice).conversation_id, 'message_id', (due.notice).message_id,
                                             'count', (due.notice).count, 'title', w.title, 'body', w.body, 'path', w.path),
                          replace(coalesce((due.notice).conversation_id, due.notification_id)::text, '-', ''))
         from app.notice_words(due.notice) w;
    end if;
    update app.notice_outbox o set push_at = quiet where o.notification_id = due.notification_id;
  end loop;
  delete from app.notice_outbox o
   where o.push_at is null
     and o.mail_at is null;
end
$$;
comment on function app.push_due() is
  'Wakes the browsers of those who were told of something half a minute ago, have not read it and do nothing on any device; whoever wants quiet, when that is over. For a schedule.';
select walkie.schedule('wake browsers', 'app.push_due', interval '2 seconds');

create or replace function app.html(p_text text)
returns text
language sql immutable
set search_path = ''
as $$
  select replace(replace(replace(replace(p_text, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;')
$$;
comment on function app.html(text) is 'Takes a text; gives it as HTML.';

create or replace function app.mail_token(p_user uuid, p_list text)
returns text
language sql
security definer set search_path = ''  -- tokens are nobody's to read
as $$
  insert into app.mail_tokens as t (user_id, list)
  values (p_user, p_list)
  on conflict (user_id, list) do update set list = t.list
  returning token
$$;
comment on function app.mail_token(uuid, text) is 'Takes a person and missed or digest; gives what a link shows that ends such mail for them.';

create or replace function app.send_mail(p_user uuid, p_list text, p_subject text, p_lines jsonb)
returns void
language sql
security definer set search_path = ''  -- addresses are their owner's
as $$
  -- A line is what happened, what was said, and where to look.
  select walkie.enqueue_job('mail', jsonb_build_object(
           'to', u.email,
           'subject', regexp_replace(p_subject, '[[:cntrl:]]+', ' ', 'g'),
           'text', string_agg(concat_ws(E'\n', l ->> 'head', nullif(l ->> 'body', ''), '{{site_url}}' || (l ->> 'path')), E'\n\n' order by place)
                   || E'\n\n--\nNo more of such mail: {{unsubscribe_url}}\n',
           'html', string_agg(format('<p><a href="{{site_url}}%s"><b>%s</b></a><br>%s</p>',
                                     app.html(l ->> 'path'), app.html(l ->> 'head'), app.html(l ->> 'body')), '' order by place)
                   || '<p><small><a href="{{unsubscribe_url}}">No more of such mail</a></small></p>',
           'unsubscribe', app.mail_token(u.id, p_list)))
    from auth.users u,
         jsonb_array_elements(p_lines) with ordinality line (l, place)
   where u.id = p_user
     and u.email_confirmed_at is not null
     and u.deleted_at is null
   group by u.id, u.email
$$;
comment on function app.send_mail(uuid, text, text, jsonb) is
  'Takes a person, missed or digest, a subject and lines [{"head", "body", "path"}]; sends them as mail to the person''s confirmed address, if there is one.';

create or replace function app.mail_due()
returns void
language plpgsql
security definer set search_path = ''  -- notices of everybody
as $$
declare
  reader record;
  later timestamptz;
  digest text;
  lines jsonb;
begin
  delete from app.notice_outbox o
   using public.notifications n
   where n.id = o.notification_id
     and o.mail_at <= app.now()
     and n.read_at is not null;
  for reader in
    select o.user_id
      from app.notice_outbox o
     where o.mail_at <= app.now()
     group by o.user_id
     order by min(o.mail_at)
     limit 50
  loop
    select s.digest into digest from public.notification_settings s where s.user_id = reader.user_id;
    -- Whoever was there has missed nothing, yet.
    select max(reason.at) into later
      from (select h.at + interval '10 min' as at from app.heartbeats h where h.user_id = reader.user_id
            union all
            select app.quiet_until(reader.user_id)) reason
     where reason.at > app.now();
    if coalesce(digest, 'off') <> 'off' then
      later := null;
    elsif later is null then
      select jsonb_agg(jsonb_build_object('head', w.title, 'body', w.body, 'path', w.path) order by n.told_at)
        into lines
        from (select n.*
                from app.notice_outbox o
                join public.notifications n on n.id = o.notification_id
               where o.user_id = reader.user_id
                 and o.mail_at is not null
                 and n.read_at is null
               order by n.told_at desc
               limit 20) recent
        join public.notifications n on n.id = recent.id
       cross join lateral app.notice_words(n) w;
      perform app.send_mail(reader.user_id, 'missed',
                            case jsonb_array_length(lines) when 1 then lines -> 0 ->> 'head' else 'While you were away' end, lines);
    end if;
    update app.notice_outbox o
       set mail_at = later
     where o.user_id = reader.user_id
       and o.mail_at is not null;
  end loop;
end
$$;
comment on function app.mail_due() is
  'Sends one mail to each of those who have been away for ten minutes and were told of something that they have not read; whoever wants quiet, when that is over; whoever gets digests, none. For a schedule.';
select walkie.schedule('mail what was missed', 'app.mail_due', interval '10 seconds');

create or replace function app.send_digests()
returns void
language plpgsql
security definer set search_path = ''  -- inboxes of everybody
as $$
declare
  due public.notification_settings;
  lines jsonb;
begin
  for due in
    select s.*
      from public.notification_settings s
     where s.digest_next <= app.now()
     order by s.digest_next
     limit 50
       for update skip locked
  loop
    select jsonb_agg(jsonb_build_object('head', format('%s: %s unread', unread.title, unread.count),
                                        'body', coalesce(unread.last_preview, ''),
                                        'path', unread.path) order by unread.last_message_at desc)
      into lines
      from (select coalesce(c.title, other.display_name, 'A conversation') as title,
                   c.root_count - i.last_read_ord as count,
                   c.last_preview,
                   c.last_message_at,
                   replace(app.setting(c.org_id, 'conversation_path') #>> '{}', '{id}', c.id::text) as path
              from public.conversation_members mine
              join public.conversations c on c.id = mine.conversation_id
              join public.inbox i on i.member_id = mine.member_id and i.conversation_id = mine.conversation_id
              left join lateral (
                select p.display_name
                  from public.conversation_members m
                  join public.profiles p on p.id = m.member_id
                 where c.kind = 'dm'
                   and m.conversation_id = c.id
                   and m.member_id <> mine.member_id
                 limit 1
              ) other on true
             where mine.member_id = due.user_id
               and mine.left_at is null
               and c.root_count > i.last_read_ord
               and (i.muted_until is null or i.muted_until <= app.now())
               and coalesce(i.notify_level, c.notify_default) <> 'none'
             order by c.last_message_at desc nulls last
             limit 20) unread;
    if lines is not null then
      perform app.send_mail(due.user_id, 'digest', format('Unread in %s conversations', jsonb_array_length(lines)), lines);
    end if;
    update public.notification_settings s
       set digest_next = app.next_digest(s.user_id, s.digest, s.digest_at)
     where s.user_id = due.user_id;
  end loop;
end
$$;
comment on function app.send_digests() is
  'Sends the digests that are due: what is unread, conversation by conversation, up to twenty; nothing when nothing is. For a schedule.';
select walkie.schedule('send digests', 'app.send_digests', interval '30 seconds');

create or replace function public.unsubscribe(p_token text)
returns text
language plpgsql
security definer set search_path = ''  -- the token says whose mail it is; nobody is signed in
as $$
declare
  known app.mail_tokens;
begin
  select t.* into known from app.mail_tokens t where t.token = p_token;
  if known.token is null then
    perform app.refuse('no_such_mail');
  elsif known.list = 'digest' then
    update public.notification_settings s
       set digest = 'off',
           digest_next = null
     where s.user_id = known.user_id;
  else
    insert into public.notification_preferences as w (user_id, channel, kind, enabled)
    select known.user_id, 'mail', kind, false
      from unnest(array['dm', 'mention', 'reply', 'reaction', 'invite', 'meeting', 'warning', 'report', 'system']) kind
    on conflict (user_id, channel, kind) do update set enabled = false;
    update app.notice_outbox o set mail_at = null where o.user_id = known.user_id and o.mail_at is not null;
  end if;
  return known.list;
end
$$;
comment on function public.unsubscribe(text) is
  'Takes the token of a link in mail; ends such mail for whom it was sent to, and gives which (missed or digest). Nobody need be signed in. Errors: PT404 no_such_mail.';

-- Bids and projects open conversations.

create or replace function app.open_engagement(p_engagement uuid)
returns public.conversations
language plpgsql
security definer set search_path = ''  -- memberships are written for both
as $$
declare
  deal public.engagements;
  place public.conversations;
begin
  select e.* into strict deal from public.engagements e where e.id = p_engagement;
  insert into public.conversations (org_id, kind, title, engagement_id, created_by)
  values (deal.org_id, 'engagement', deal.title, deal.id, auth.uid())
  on conflict (engagement_id) do nothing
  returning * into place;
  if place.id is not null then
    perform app.admit(place.id, array[deal.client_id, deal.consultant_id], 'member', true);
  end if;
  select c.* into strict place from public.conversations c where c.engagement_id = deal.id;
  return place;
end
$$;
comment on function app.open_engagement(uuid) is
  'Takes an engagement; gives its one conversation, made if need be, with client and consultant in it.';

create or replace function app.follow_engagement()
returns trigger
language plpgsql
security definer set search_path = ''  -- the business that writes engagements need not know of conversations
as $$
begin
  if new.status in ('negotiating', 'active') then
    perform app.open_engagement(new.id);
  end if;
  update public.conversations c
     set title = new.title
   where c.engagement_id = new.id
     and c.title is distinct from new.title;
  return null;
end
$$;
comment on function app.follow_engagement() is
  'Trigger: who negotiates or works together has a conversation, which bears the engagement''s title. That it ends with it, app.post_refusal says.';

create or replace trigger on_engagements_write__follow
after insert or update of status, title on public.engagements
for each row execute function app.follow_engagement();

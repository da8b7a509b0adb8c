%% Erlang/OTP: gen_server:call between two nodes, measured as the other subjects are. Run by laboratory.ts.
-module(rpc_bench).
-behaviour(gen_server).
-export([serve/0, main/1, init/1, handle_call/3, handle_cast/2]).

serve() ->
    {ok, _} = gen_server:start({local, echo}, ?MODULE, [], []),
    io:format("ready~n").

%% Server's node, kind and size of the message, callers, ms to warm up, ms to measure.
main([Node, Kind, Size, InFlight, WarmUp, Measure]) ->
    pong = net_adm:ping(Node),
    Message = case Kind of
        small -> {binary:copy(<<"t">>, 100)};
        bytes -> binary:copy(<<7>>, Size)
    end,
    Count = atomics:new(1, []),
    Latencies = ets:new(latencies, [public, duplicate_bag, {write_concurrency, true}]),
    Parent = self(),
    Sample = case InFlight of 1 -> 1; _ -> 16 end,
    Callers = [spawn_link(fun() -> caller(Parent, {echo, Node}, Message, N, Count, Latencies, Sample) end)
               || N <- lists:seq(1, InFlight)],
    timer:sleep(WarmUp),
    ets:delete_all_objects(Latencies),
    {Began, Before, Used, UsedThere} = look(Node, Count),
    timer:sleep(Measure),
    {Ended, After, UsedAfter, UsedThereAfter} = look(Node, Count),
    Sorted = lists:sort([Us || {_, Us} <- ets:tab2list(Latencies)]),
    lists:foreach(fun(Pid) -> Pid ! stop end, Callers),
    lists:foreach(fun(Pid) -> receive {stopped, Pid} -> ok end end, Callers),
    Calls = After - Before,
    Client = (UsedAfter - Used) * 1000 / Calls,
    Server = (UsedThereAfter - UsedThere) * 1000 / Calls,
    io:format("~n{\"perSecond\":~w,\"p50Us\":~w,\"p99Us\":~w,\"p999Us\":~w,"
              "\"clientCpuUs\":~w,\"serverCpuUs\":~w,\"bothCpuUs\":~w}~n",
              [Calls / (Ended - Began) * 1000000000, at(Sorted, 0.5), at(Sorted, 0.99), at(Sorted, 0.999),
               Client, Server, Client + Server]),
    halt(0).

%% Now, completions so far, and the CPU time of all threads at either end in ms.
look(Node, Count) ->
    {There, _} = erpc:call(Node, erlang, statistics, [runtime]),
    {Here, _} = erlang:statistics(runtime),
    {erlang:monotonic_time(nanosecond), atomics:get(Count, 1), Here, There}.

at(Sorted, Part) -> lists:nth(max(1, ceil(Part * length(Sorted))), Sorted).

caller(Parent, Server, Message, Id, Count, Latencies, Sample) ->
    Began = erlang:monotonic_time(nanosecond),
    {Id, Message} = gen_server:call(Server, {Id, Message}, infinity),
    atomics:add(Count, 1, 1),
    case Id rem Sample of
        0 -> ets:insert(Latencies, {Id, (erlang:monotonic_time(nanosecond) - Began) / 1000});
        _ -> ok
    end,
    receive stop -> Parent ! {stopped, self()}
    after 0 -> caller(Parent, Server, Message, next(Id), Count, Latencies, Sample)
    end.

next(Id) -> (Id + 1) band 16#ffffffff.

init([]) -> {ok, []}.
handle_call(Message, _, State) -> {reply, Message, State}.
handle_cast(_, State) -> {noreply, State}.

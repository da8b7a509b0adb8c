%% Erlang/OTP: gen_server and supervisor, measured as the other subjects are. Run by trial.ts.
-module(bench).
-behaviour(gen_server).
-behaviour(supervisor).
-export([main/1, init/1, handle_call/3, handle_cast/2, handle_info/2, start_child/1]).

-define(BATCH, 1000).
-define(WARM_UP_MS, 400).
-define(MEASURE_MS, 1000).

main([Case]) ->
    logger:set_primary_config(level, none),
    Value = measure(Case),
    io:format("~n{\"value\": ~w}~n", [Value]),
    halt(0).

measure('ask-1') ->
    {ok, Pid} = gen_server:start(?MODULE, counter, []),
    per_second(fun() -> timed(fun() -> ask_in_turn(Pid, ?BATCH) end, ?BATCH) end);
measure('ask-64') ->
    {ok, Pid} = gen_server:start(?MODULE, counter, []),
    per_second(fun() -> timed(fun() -> ask_64(Pid, 1000) end, 64000) end);
measure(tell) ->
    {ok, Pid} = gen_server:start(?MODULE, counter, []),
    per_second(fun() ->
        timed(fun() ->
            Before = gen_server:call(Pid, {add, 0}),
            tell(Pid, ?BATCH),
            After = gen_server:call(Pid, {add, 0}),
            ?BATCH = After - Before
        end, ?BATCH)
    end);
measure(spawn) ->
    per_second(fun() ->
        Began = erlang:monotonic_time(nanosecond),
        Pids = start_many(?BATCH, []),
        1 = gen_server:call(hd(Pids), {add, 1}),
        Took = erlang:monotonic_time(nanosecond) - Began,
        lists:foreach(fun(Pid) -> exit(Pid, kill) end, Pids),
        {?BATCH, Took}
    end);
measure(bytes) ->
    Before = erlang:memory(total),
    Pids = start_many(100000, []),
    1 = gen_server:call(hd(Pids), {add, 1}),
    erlang:garbage_collect(),
    After = erlang:memory(total),
    100000 = length(Pids),
    (After - Before) / 100000;
measure('restart-1') -> restarts(1, 1000);
measure('restart-200') -> restarts(200, 20).

restarts(Supervisors, Each) ->
    process_flag(trap_exit, true),
    Self = self(),
    Drivers = [spawn_link(fun() -> driver(Self) end) || _ <- lists:seq(1, Supervisors)],
    lists:foreach(fun(Driver) -> receive {ready, Driver} -> ok end end, Drivers),
    per_second(fun() ->
        timed(fun() ->
            lists:foreach(fun(Driver) -> Driver ! {restart, Each} end, Drivers),
            lists:foreach(fun(Driver) -> receive {restarted, Driver} -> ok end end, Drivers)
        end, Supervisors * Each)
    end).

driver(Report) ->
    {ok, _} = supervisor:start_link(?MODULE, {tree, self()}),
    Child = receive {up, Pid} -> Pid end,
    Report ! {ready, self()},
    driver_loop(Report, Child).

driver_loop(Report, Child) ->
    receive {restart, Count} -> Last = crash(Child, Count) end,
    Report ! {restarted, self()},
    driver_loop(Report, Last).

crash(Child, 0) -> Child;
crash(Child, Left) ->
    Child ! crash,
    receive {up, Next} -> crash(Next, Left - 1) end.

start_many(0, Pids) -> Pids;
start_many(Left, Pids) ->
    {ok, Pid} = gen_server:start(?MODULE, counter, []),
    start_many(Left - 1, [Pid | Pids]).

ask_in_turn(Pid, Count) ->
    Before = gen_server:call(Pid, {add, 0}),
    ask_in_turn(Pid, Count, Before).

ask_in_turn(_, 0, _) -> ok;
ask_in_turn(Pid, Left, Total) ->
    Next = Total + 1,
    Next = gen_server:call(Pid, {add, 1}),
    ask_in_turn(Pid, Left - 1, Next).

%% 64 callers; the totals that one of them sees only grow.
ask_64(Pid, Each) ->
    Callers = [spawn_monitor(fun() -> ask_growing(Pid, Each, 0) end) || _ <- lists:seq(1, 64)],
    lists:foreach(fun({_, Monitor}) -> receive {'DOWN', Monitor, process, _, normal} -> ok end end, Callers).

ask_growing(_, 0, _) -> ok;
ask_growing(Pid, Left, Last) ->
    Total = gen_server:call(Pid, {add, 1}),
    true = Total > Last,
    ask_growing(Pid, Left - 1, Total).

tell(_, 0) -> ok;
tell(Pid, Left) ->
    gen_server:cast(Pid, {add, 1}),
    tell(Pid, Left - 1).

timed(Fun, Completed) ->
    Began = erlang:monotonic_time(nanosecond),
    Fun(),
    {Completed, erlang:monotonic_time(nanosecond) - Began}.

per_second(Batch) ->
    repeat(Batch, ?WARM_UP_MS * 1000000, 0, 0),
    {Completed, Took} = repeat(Batch, ?MEASURE_MS * 1000000, 0, 0),
    Completed / Took * 1000000000.

repeat(_, Long, Completed, Took) when Took >= Long -> {Completed, Took};
repeat(Batch, Long, Completed, Took) ->
    {More, Nanoseconds} = Batch(),
    repeat(Batch, Long, Completed + More, Took + Nanoseconds).

%% The servers.

start_child(Driver) -> gen_server:start_link(?MODULE, {crashing, Driver}, []).

init(counter) -> {ok, 0};
init({crashing, Driver}) ->
    Driver ! {up, self()},
    {ok, 0};
init({tree, Driver}) ->
    Flags = #{strategy => one_for_one, intensity => 1000000, period => 1},
    {ok, {Flags, [#{id => crashing, start => {?MODULE, start_child, [Driver]}}]}}.

handle_call({add, Amount}, _, Total) -> {reply, Total + Amount, Total + Amount}.
handle_cast({add, Amount}, Total) -> {noreply, Total + Amount}.
handle_info(crash, _) -> erlang:error(crash).
